// Elements from plain values. What comes from the world goes in as text, never as markup.

const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu;

/** Text from the world as it is shown: what would hide or reorder characters becomes visible as �. */
export const plain = (value) => String(value ?? "").replace(HIDDEN, "\ufffd");

/** An element: h("p.quiet", {on: {click}}, "text", child, [more], null). The attributes may be left out. */
export function h(tag, attributes, ...children) {
  const [name, kind] = tag.split("."), made = document.createElement(name);
  if (kind) made.className = kind;
  const given = attributes?.constructor === Object;
  if (!given) children.unshift(attributes);
  for (const [name, value] of Object.entries(given ? attributes : {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, f] of Object.entries(value)) made.addEventListener(event, f);
    else made.setAttribute(name, value === true ? "" : plain(value));
  }
  made.append(...nodes(children));
  return made;
}

const nodes = (children) => children.flat(Infinity)
  .filter((child) => child !== null && child !== undefined && child !== false)
  .map((child) => (child instanceof Node ? child : document.createTextNode(plain(child))));

export function fill(element, ...children) {
  const only = children.length === 1 && !(children[0] instanceof Node) && !Array.isArray(children[0]);
  if (!only) element.replaceChildren(...nodes(children));
  else if (element.textContent !== plain(children[0])) element.textContent = plain(children[0]);
}

/** Sets or removes an attribute, only where it differs. */
export function set(element, name, value) {
  if (value === null || value === undefined || value === false) {if (element.hasAttribute(name)) element.removeAttribute(name);}
  else {const text = value === true ? "" : plain(value); if (element.getAttribute(name) !== text) element.setAttribute(name, text);}
}

/** A link out, in a new tab. Anything but http and https is shown as text: an address is data, too. */
export function out(url, text, attributes = {}) {
  if (!/^https?:\/\//i.test(url ?? "")) return h("span", attributes, text);
  return h("a", {href: url, target: "_blank", rel: "noopener noreferrer", ...attributes}, text);
}

/** Makes the children of `parent` those of `items`; elements stay, with focus, folds and scroll. */
export function keyed(parent, items, {key, make, draw, dirty = () => true}) {
  const known = (parent.keyed ??= new Map()), seen = new Set();
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    seen.add(name);
    let element = known.get(name);
    if (!element) {known.set(name, (element = make(item))); draw(element, item);}
    else if (dirty(element, item)) draw(element, item);
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  for (const [name, element] of known) if (!seen.has(name)) {element.remove(); known.delete(name);}
}

/** A bar that is filled to `share` (0 to 1); its number stands beside it as text. */
export function meter(share) {
  const bar = h("i");
  bar.style.width = `${100 * Math.min(1, Math.max(0, share || 0))}%`;
  return h("span.meter", {"aria-hidden": "true"}, bar);
}

export const press = (kind, click, ...text) => h("button", {type: "button", class: kind, on: {click}}, ...text);
/** What this browser keeps under `name`, or is to keep; nothing where storage is off. */
export const kept = (name, value) => {try {return value ? localStorage.setItem(name, value) : localStorage.getItem(name);} catch {return null;}};
export const root = document.documentElement;
export const $ = (id) => document.getElementById(id);
