// Triage by keyboard: rows of the list of events, and of the tables on an event's page. The help panel names the keys.
// Every key presses what a mouse finds on the page too; with the script off all of that is still there.

const dialog = document.getElementById("keys");
const said = document.getElementById("keys-said");
const list = document.getElementById("changelist-form");

const TYPING =
  "textarea, select, [contenteditable], [role=combobox], input:not([type=checkbox]):not([type=radio]):not([type=submit])";
const ROWS = list ? "#result_list tr.data-row" : "#mapped tr.data-row, #suggested tr.data-row";

// Rows ----------------------------------------------------------------------------------------------------------------

const rows = () => [...document.querySelectorAll(ROWS)];
const box = (row) => row?.querySelector("input[type=checkbox]");
const link = (row) => row?.querySelector("th a, td a");
const named = (row) => (link(row) ?? row.querySelector(".tick, td")).textContent.trim().split(/\s/)[0];

let place = -1;

/** The row somebody is at, or whose box or link has the focus. */
function current() {
  const focused = document.activeElement?.closest(ROWS);
  if (focused) place = rows().indexOf(focused);
  return rows()[place] ?? null;
}

function goTo(row) {
  if (!row) return;
  place = rows().indexOf(row);
  row.tabIndex = -1;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const all = rows();
  if (!all.length) return say("There are no rows here.");
  current();
  const next = place < 0 ? (by > 0 ? 0 : all.length - 1) : place + by;
  goTo(all[Math.min(Math.max(next, 0), all.length - 1)]);
}

function toggle() {
  const row = current();
  const tick = box(row);
  if (!tick) return say(row ? "This row cannot be selected." : "Go to a row first: j and k.");
  tick.click();
  const chosen = rows().filter((each) => box(each)?.checked).length;
  say(`${named(row)} ${tick.checked ? "selected" : "not selected"}, ${chosen} of ${rows().length} selected.`);
}

// The list: what the chosen action will do, before it does ---------------------------------------------------------------

const actions = list?.querySelector("select[name=action]");
const run = list?.querySelector("button[name=index]");
const outlook = document.createElement("span");
outlook.className = "outlook";
outlook.setAttribute("role", "status");
run?.after(outlook);

const many = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
const sum = (chosen, what) =>
  chosen.reduce((total, row) => total + Number(row.querySelector("[data-mapped]")?.dataset[what] ?? 0), 0);

function foretell() {
  const chosen = rows().filter((row) => box(row)?.checked);
  const everything = list.querySelector("input[name=select_across]")?.value === "1";
  const events = everything ? "all events of the list" : many(chosen.length, "event");
  if (actions.value === "retry_selected") {
    return everything
      ? `Fetches what is mapped and not stored in ${events}.`
      : `Fetches ${many(sum(chosen, "waiting"), "mapped test")} of ${events}.`;
  }
  if (actions.value === "clear_selected") {
    return everything
      ? `Puts ${events} away; asks first.`
      : `Puts ${events} with ${many(sum(chosen, "mapped"), "mapped test id")} away; asks first.`;
  }
  return "";
}

if (actions && run) {
  const tell = () => (outlook.textContent = foretell());
  list.addEventListener("change", tell);
  // "Select all" is a link that changes a hidden field only.
  list.addEventListener("click", () => requestAnimationFrame(tell));
}

function choose(action) {
  const option = actions?.querySelector(`option[value=${action}]`);
  if (!option) return say("You may not do this here.");
  if (!rows().some((row) => box(row)?.checked)) {
    if (!box(current())) return say("Go to a row first: j and k.");
    box(current()).click();
  }
  actions.value = action;
  actions.dispatchEvent(new Event("change", { bubbles: true }));
  // The theme shows the button a moment after an action was chosen.
  setTimeout(() => run.focus(), 50);
  say(`${foretell()} Press Enter to go on, Escape to go back.`);
}

function openAt(part) {
  const way = link(current());
  if (!way) return say("Go to a row first: j and k.");
  location.assign(`${way.href.split("#")[0]}#${part}`);
}

// The page of one event ---------------------------------------------------------------------------------------------------

function toSuggestions() {
  const row = document.querySelector("#suggested tr.data-row");
  if (row) goTo(row);
  else say("There are no suggestions.");
}

function map() {
  const ticked = document.querySelector("#suggested input[name=ticked]:checked");
  const field = document.querySelector("textarea[name=test_ids]");
  if (ticked) ticked.form.querySelector("[data-ticked]").click();
  else if (field) field.focus();
  else say("Nothing can be mapped to this event.");
}

/** Buttons for what was ticked show when something is, and say how much. */
function count() {
  for (const button of document.querySelectorAll("[data-ticked]")) {
    const ticked = button.form.querySelectorAll("input[name=ticked]:checked").length;
    button.closest(".ticked").hidden = ticked === 0;
    button.textContent = `${button.dataset.ticked} the ${ticked} chosen`;
  }
}

// Keys ----------------------------------------------------------------------------------------------------------------------

function say(sentence) {
  if (!said) return;
  said.textContent = "";
  // An empty moment in between, so that the same sentence is read out again.
  requestAnimationFrame(() => (said.textContent = sentence));
}

function press(key) {
  const button = document.querySelector(`[data-key="${key}"]`);
  if (button) button.click();
  else say(WITHOUT[key] ?? "");
}

const WITHOUT = {
  n: "This is the last event of the list.",
  p: "This is the first event of the list.",
  r: "There is nothing to retry.",
  c: "There is nothing to clear.",
  u: "There is nothing to undo here.",
};

function search() {
  const field = (list && document.getElementById("searchbar")) || document.getElementById("search-everything");
  field?.focus();
  field?.select();
}

function leave() {
  const row = rows()[place];
  if (document.activeElement === run) return row ? goTo(row) : run.blur();
  if (document.querySelector("[data-key=Escape]")) return press("Escape");
  place = -1;
  document.activeElement?.blur();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  x: toggle,
  " ": toggle,
  Enter: () => link(current())?.click(),
  s: () => (list ? openAt("suggested") : toSuggestions()),
  m: () => (list ? openAt("id_test_ids") : map()),
  r: () => (list ? choose("retry_selected") : press("r")),
  c: () => (list ? choose("clear_selected") : press("c")),
  n: () => press("n"),
  p: () => press("p"),
  l: () => press("l"),
  u: () => press("u"),
  y: () => press("y"),
  "/": search,
  "?": () => dialog?.showModal(),
  Escape: leave,
};

/** Keys that the focused element has a meaning for keep it; arrows scroll unless somebody is among rows. */
function isTaken(key, target) {
  if (key === "Enter") return !target.closest("tr.data-row") || target.matches("a, button, summary");
  if (key === " ") return !current() || target.matches("button, summary, input");
  if (key.startsWith("Arrow")) return !list && !current();
  return false;
}

function onKey(event) {
  const target = event.target instanceof Element ? event.target : document.body;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog?.open) return;
  if (event.shiftKey && event.key !== "?" && event.key !== "/") return;
  if (target.matches(TYPING) || target.closest("[contenteditable]")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const act = KEYS[event.key];
  if (!act || isTaken(event.key, target)) return;
  event.preventDefault();
  // "/" would otherwise lead to the search of the whole site too.
  event.stopPropagation();
  act();
}

// Where to begin ------------------------------------------------------------------------------------------------------------

function begin() {
  window.addEventListener("keydown", onKey, true);
  document.addEventListener("change", count);
  document.addEventListener("focusin", current);
  count();
  if (location.hash === "#suggested") toSuggestions();
  if (location.hash === "#id_test_ids") map();
}

// A part of the page that was fetched anew: whoever was at a row of it still is, and boxes are counted again.
document.addEventListener("htmx:afterSettle", () => {
  count();
  if (document.activeElement === document.body && place >= 0) goTo(rows()[Math.min(place, rows().length - 1)]);
});

const opener = document.getElementById("keys-open");
if (opener) {
  opener.hidden = false;
  opener.addEventListener("click", () => dialog.showModal());
}
begin();
