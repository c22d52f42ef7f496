// Keeps an open page true: listens for changes, fetches the page's own changing part and swaps only what differs.
"use strict";

const STEPS = [[60, 1, "second"], [3600, 60, "minute"], [86400, 3600, "hour"], [30 * 86400, 86400, "day"]];
const PAUSE_MS = 250; // at most four fetches a second
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// ---- times ----------------------------------------------------------------------------------------------------------

function words(moment) {
  const seconds = (Date.now() - moment.getTime()) / 1000;
  if (seconds < 5) return "just now";
  for (const [below, size, unit] of STEPS) {
    if (seconds < below) {
      const n = Math.floor(seconds / size);
      return `${n} ${unit}${n === 1 ? "" : "s"} ago`;
    }
  }
  const day = moment.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
  return `on ${day}`;
}

function tellTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const text = words(new Date(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}

// ---- swapping -------------------------------------------------------------------------------------------------------

// Children of an element with data-live all have an id. One with data-live is gone into; any other is kept as it is
// while its data-rev stays the same, and replaced otherwise.
function morph(now, next, changed) {
  const wanted = new Set([...next.children].map((child) => child.id));
  for (const old of [...now.children]) if (!wanted.has(old.id)) old.remove();
  const known = new Map([...now.children].map((child) => [child.id, child]));
  let place = now.firstElementChild;
  for (const fresh of [...next.children]) {
    const old = known.get(fresh.id);
    if (!old) {
      now.insertBefore(fresh, place);
      changed.push({ element: fresh, isNew: true });
      continue;
    }
    if (old !== place) now.insertBefore(old, place);
    place = old.nextElementSibling;
    if (old.hasAttribute("data-live") && fresh.hasAttribute("data-live")) {
      for (const { name, value } of [...fresh.attributes]) old.setAttribute(name, value);
      morph(old, fresh, changed);
    } else if (old.dataset.rev !== fresh.dataset.rev) {
      keepOpen(old, fresh);
      const focus = focusPath(old);
      old.replaceWith(fresh);
      restoreFocus(fresh, focus);
      changed.push({ element: fresh, isNew: false });
    }
  }
}

// What a person opened or closed stays so.
function keepOpen(old, fresh) {
  if (old.tagName === "DETAILS") fresh.open = old.open;
  const before = [...old.querySelectorAll("details")];
  for (const details of fresh.querySelectorAll("details")) {
    const name = details.querySelector("summary")?.textContent.replace(/\d+/g, "#");
    const at = before.findIndex((one) => one.querySelector("summary")?.textContent.replace(/\d+/g, "#") === name);
    if (at >= 0) details.open = before.splice(at, 1)[0].open;
  }
}

function focusPath(root) {
  let node = document.activeElement;
  if (!node || !root.contains(node)) return null;
  const path = [];
  for (; node !== root; node = node.parentElement) path.unshift([...node.parentElement.children].indexOf(node));
  return path;
}

function restoreFocus(root, path) {
  if (!path) return;
  let node = root;
  for (const index of path) node = node.children[index] ?? node;
  if (node === root || node.tabIndex < 0) node = root.querySelector("a, button, summary") ?? root;
  node.focus({ preventScroll: true });
}

function apply(html) {
  const next = new DOMParser().parseFromString(html, "text/html").getElementById("page");
  const page = document.getElementById("page");
  if (!next || !page) return;
  const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 48 && scrollY > 0;
  const anchor = [...document.querySelectorAll("[data-rev]")].find((one) => one.getBoundingClientRect().bottom > 0);
  const before = anchor?.getBoundingClientRect().top;
  const anchorId = anchor?.id;
  const changed = [];
  tellTimes(next);
  recolour(next.dataset.labels);
  for (const name of ["seq", "labels", "title"]) page.dataset[name] = next.dataset[name];
  document.title = next.dataset.title;
  morph(page, next, changed);
  const kept = anchorId && document.getElementById(anchorId);
  if (kept && scrollY > 0) scrollBy({ top: kept.getBoundingClientRect().top - before, behavior: "instant" });
  for (const { element } of changed) highlight(element);
  announce(changed);
  follow(changed, atEnd);
}

function recolour(href) {
  const link = document.getElementById("label-colours");
  if (!link || !href || link.getAttribute("href") === href) return;
  const fresh = link.cloneNode();
  fresh.href = href;
  link.removeAttribute("id");
  fresh.addEventListener("load", () => link.remove());
  link.after(fresh);
}

function highlight(element) {
  if (calm.matches || element.matches("nav, .bar, .filter")) return;
  element.classList.add("fresh");
  element.addEventListener("animationend", () => element.classList.remove("fresh"), { once: true });
}

function announce(changed) {
  const said = [...new Set(changed.map(({ element }) => element.dataset.say).filter(Boolean))];
  if (!said.length) return;
  const text = said.slice(0, 3).join("; ") + (said.length > 3 ? `; and ${said.length - 3} more changes` : "");
  document.getElementById("announce").textContent = text;
}

// ---- new things below the fold --------------------------------------------------------------------------------------

let unseen = [];

function follow(changed, atEnd) {
  const more = document.getElementById("more");
  const fresh = changed.filter(({ element, isNew }) => isNew && element.closest("#timeline"));
  if (!fresh.length) return;
  if (atEnd) {
    fresh[fresh.length - 1].element.scrollIntoView({ block: "end", behavior: calm.matches ? "instant" : "smooth" });
    return;
  }
  unseen.push(...fresh.map(({ element }) => element.id));
  showUnseen(more);
}

function showUnseen(more) {
  unseen = unseen.filter((id) => document.getElementById(id)?.getBoundingClientRect().top > innerHeight - 24);
  more.hidden = unseen.length === 0;
  more.textContent = `${unseen.length} new below ↓`;
}

function goToUnseen() {
  const first = document.getElementById(unseen[0]);
  unseen = [];
  showUnseen(document.getElementById("more"));
  first?.scrollIntoView({ block: "start", behavior: calm.matches ? "instant" : "smooth" });
}

// ---- listening ------------------------------------------------------------------------------------------------------

class Wire {
  constructor(url) {
    this.url = url;
    this.seen = Number(document.getElementById("page").dataset.seq);
    this.source = null;
    this.wait = 1000;
    this.due = 0;
    this.fetching = false;
    this.again = false;
    this.last = 0;
  }

  open() {
    if (this.source) return;
    clearTimeout(this.due);
    this.source = new EventSource(`${this.url}&since=${this.seen}`);
    this.source.addEventListener("watching", (event) => {
      this.seen = Number(event.lastEventId) || this.seen;
      this.wait = 1000;
      this.show("on", "live");
    });
    this.source.addEventListener("change", (event) => {
      this.seen = Number(event.lastEventId) || this.seen;
      this.refresh();
    });
    this.source.addEventListener("error", () => {
      this.show("off", "reconnecting");
      if (this.source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      this.close();
      this.due = setTimeout(() => this.open(), this.wait);
      this.wait = Math.min(this.wait * 2, 8000);
    });
  }

  close() {
    clearTimeout(this.due);
    this.source?.close();
    this.source = null;
  }

  show(state, text) {
    const live = document.getElementById("live");
    live.dataset.state = state;
    live.querySelector(".words").textContent = text;
  }

  refresh() {
    if (this.fetching) {
      this.again = true;
      return;
    }
    this.fetching = true;
    setTimeout(() => this.fetch(), Math.max(0, this.last + PAUSE_MS - Date.now()));
  }

  async fetch() {
    this.last = Date.now();
    this.again = false;
    let failed = false;
    try {
      const answer = await fetch(location.href, { headers: { "X-Fragment": "1" }, cache: "no-store" });
      failed = answer.status >= 500;
      if (answer.ok) apply(await answer.text());
    } catch (error) {
      failed = true;
      console.warn("could not fetch the page", error);
    }
    this.fetching = false;
    if (failed) setTimeout(() => this.refresh(), 2000);
    else if (this.again) this.refresh();
  }
}

// ---- start ----------------------------------------------------------------------------------------------------------

tellTimes(document);
setInterval(() => tellTimes(document), 1000);
document.getElementById("more").addEventListener("click", goToUnseen);
addEventListener("scroll", () => unseen.length && showUnseen(document.getElementById("more")), { passive: true });
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

if (document.body.dataset.events) {
  const wire = new Wire(document.body.dataset.events);
  // A page nobody looks at gives its connection back (a browser has six for a site) and catches up when it is seen.
  const tend = () => (document.hidden ? wire.close() : wire.open());
  document.addEventListener("visibilitychange", tend);
  addEventListener("pagehide", () => wire.close());
  addEventListener("pageshow", tend);
  tend();
}
