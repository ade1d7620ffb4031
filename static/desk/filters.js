// Filters that remember: the last state of a form with data-remember comes back when its page is opened without one.
// Only the address is ever read by the server, so that a link shares exactly what is seen.

const form = document.querySelector("form[data-remember]");

function remembered(key) {
  try {
    return localStorage.getItem(key) || "";
  } catch {
    return "";
  }
}

function remember(key, query) {
  try {
    if (query) {
      localStorage.setItem(key, query);
    } else {
      localStorage.removeItem(key);
    }
  } catch {
    // Without storage nothing is remembered.
  }
}

function stateOf(search) {
  const names = new Set(form.dataset.names.split(" "));
  const state = new URLSearchParams(search);
  for (const name of [...state.keys()]) {
    if (!names.has(name) || !state.get(name)) state.delete(name);
  }
  return state.toString();
}

if (form) {
  const key = `desk:${form.dataset.remember}`;
  const came = performance.getEntriesByType("navigation")[0]?.type;
  if (!location.search && came === "navigate" && remembered(key)) {
    // In place of the bare page, so that "back" does not lead to it again.
    location.replace(`${location.pathname}?${remembered(key)}`);
  } else if (location.search) {
    remember(key, stateOf(location.search));
  }
  document.addEventListener("htmx:pushedIntoHistory", () => remember(key, stateOf(location.search)));
  // Delegated, because the bar is replaced together with its list.
  document.addEventListener("click", (event) => event.target.closest("[data-forget]") && remember(key, ""), true);
  // What is left empty does not belong into the address.
  document.addEventListener("htmx:configRequest", (event) => {
    const { parameters } = event.detail;
    for (const [name, value] of [...parameters.entries()]) if (!value) parameters.delete(name);
  });
  let waiting = 0;
  document.addEventListener("change", (event) => {
    const changed = event.target.closest("form[data-remember] :is(select, input[type=checkbox]):not([data-waits])");
    if (!changed) return;
    // Whoever goes through a list by keyboard passes other values on the way.
    clearTimeout(waiting);
    waiting = setTimeout(() => changed.form.requestSubmit(), 250);
  });
}
