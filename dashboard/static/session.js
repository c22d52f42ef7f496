// Who is here, by a GitHub token of their own; the server keeps it in memory, this page nowhere.

import {h, $, fill, set} from "./dom.js";
import * as api from "./api.js";
import {ask, notice} from "./dialogs.js";

const RANK = {none: 0, read: 1, triage: 2, write: 3, maintain: 4, admin: 5};
export const session = {login: null, permission: null};
let changed = () => {};

function take({login, permission}) {
  Object.assign(session, {login: login ?? null, permission: permission ?? null});
  fill($("sign"), session.login ?? "Sign in");
  set($("sign"), "title", session.login ? `${session.permission} on this repository` : null);
  changed();
}

/** Why `command` cannot be said now, or null. */
export function whyNot(command, {past, away, does}) {
  if (past) return "You are looking at the past. Go back to live first.";
  if (away) return "No connection to the dashboard's server.";
  if (!session.login) return "Sign in with your own GitHub token to do this.";
  const least = does(command).permission;
  if ((RANK[session.permission] ?? 0) < RANK[least]) return `${session.login} has ${session.permission ?? "no permission"} on this repository; ${command} needs ${least}.`;
  return null;
}

/** The same, and it is said; who is not signed in is asked to, `because` they want to do that. */
export function barred(command, context, because) {
  const why = whyNot(command, context);
  if (why && !session.login && !context.past && !context.away) signDialog(because);
  else if (why) notice(why);
  return why;
}

async function signIn(token) {
  take(await api.signIn(token));
  notice(`Signed in as ${session.login} (${session.permission}).`);
}

export function signDialog(because) {
  if (session.login) {
    return ask(`Signed in as ${session.login}`, h("p", `Your permission on this repository is ${session.permission}. What you do here is written on the issue under your name.`),
      [{label: "Sign out", kind: "plain", run: async () => {await api.signOut(); take({}); notice("Signed out.");}}]);
  }
  const field = h("input", {type: "password", id: "token", autocomplete: "off", spellcheck: "false", required: true, autofocus: true, "aria-describedby": "token-note"});
  return ask("Sign in", [because ? h("p", because) : null,
    h("label", {for: "token"}, "A GitHub token of your own"), field,
    h("p.quiet", {id: "token-note"}, "It needs issues, read and write, on this repository. Commands are your comments there; Guardrail looks your permission up. It stays in the memory of the dashboard's server, 12 hours at most, never in this browser.")],
  [{label: "Sign in", run: () => signIn(field.value.trim())}]);
}

export async function begin(token, onChange) {
  changed = onChange;
  $("sign").addEventListener("click", () => signDialog());
  try {
    if (token) await signIn(token);
    else take(await api.session());
  } catch (error) {
    if (token) signDialog(`That did not work: ${error.message}`);
  }
}

export async function again() {try {take(await api.session());} catch {/* the stream tells */}}
