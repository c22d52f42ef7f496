// Questions to the server. Every failure becomes one Failed with words a person can read.

export class Failed extends Error {
  constructor(status, text) {super(text); this.status = status;}
}

async function ask(path, options = {}) {
  let answer;
  try {answer = await fetch(path, {cache: "no-store", ...options});}
  catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failed(0, "The dashboard's server does not answer.");
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Failed(answer.status, body?.error ?? `The server answered ${answer.status}.`);
  return body;
}

const at = (moment) => (moment ? `?at=${encodeURIComponent(moment)}` : "");
const write = (method, body) => ({method, headers: {"Content-Type": "application/json"}, body: JSON.stringify(body ?? {})});

export const board = (moment, signal) => ask(`/api/board${at(moment)}`, {signal});
export const incident = (number, moment, signal) => ask(`/api/incidents/${number}${at(moment)}`, {signal});
export const trace = (id, signal) => ask(`/api/traces/${encodeURIComponent(id)}`, {signal});
export const session = () => ask("/session");
export const signIn = (token) => ask("/session", write("POST", {token}));
export const signOut = () => ask("/session", write("DELETE"));
export const say = (number, command) => ask(`/api/incidents/${number}/say`, write("POST", {command}));
export const freeze = (why) => ask("/api/freeze", write("POST", {why}));
export const unfreeze = () => ask("/api/unfreeze", write("POST", {}));
