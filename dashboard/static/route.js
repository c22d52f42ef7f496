// The fragment: #/, #/incidents/7, each with ?at=2026-…Z for a past moment, or #token=… to sign in.

export function read(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const at = new URLSearchParams(query).get("at"), number = /^\/incidents\/(\d{1,9})$/.exec(path)?.[1];
  return {incident: number ? Number(number) : null, at: at && !Number.isNaN(Date.parse(at)) ? at : null};
}

export const write = ({incident, at}) => `#/${incident ? `incidents/${incident}` : ""}${at ? `?at=${encodeURIComponent(at)}` : ""}`;

export function go(to, {replace = false} = {}) {
  const next = write({...read(), ...to});
  if (next === (location.hash || "#/")) return;
  if (replace) {history.replaceState(null, "", next); dispatchEvent(new HashChangeEvent("hashchange"));}
  else location.hash = next;
}

/** The token of #token=…, taken out of the address and of the history before anything else happens. */
export function takeToken() {
  const found = /[#&?]token=([^&]*)/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", write(read(location.hash.replace(/[#&?]token=[^&]*/, (all) => (all[0] === "#" ? "#/" : "")))));
  try {return decodeURIComponent(found[1]);} catch {return found[1];}
}
