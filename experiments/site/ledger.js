// Filters and sorting of the table of claims. Without it the whole table shows, in the documents' order.
// What is chosen stands behind the # of the address, as in #verdict=contradicted&sort=-effect.
(() => {
  const table = document.getElementById("ledger");
  const claims = [...table.tBodies];
  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const links = [...document.querySelectorAll("[data-verdict][href]")];
  const headings = [...table.tHead.rows[0].cells];
  const first = headings[0].dataset.sort;
  const ranks = {
    verdict: ["supported", "contradicted", "inconclusive", "not run", "note"],
    scale: ["paper", "cpu", "smoke"],
  };
  const words = new Map(claims.map((claim) => [claim, claim.textContent.toLowerCase()]));

  const keeps = {
    q: (claim, value) => value.toLowerCase().split(/\s+/).every((word) => words.get(claim).includes(word)),
    by: (claim, value) => claim.dataset.by.split("|").includes(value),
  };

  function keyOf(claim, column) {
    const value = { id: claim.dataset.order, where: claim.dataset.order, claim: claim.querySelector(".claim").textContent }[column];
    const text = value === undefined ? claim.dataset[column] : value;
    if (ranks[column]) return text && ranks[column].indexOf(text);
    return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
  }

  function compare(column, sign) {
    return (a, b) => {
      const [left, right] = [keyOf(a, column), keyOf(b, column)];
      if (left === "" || right === "") return (left === "") - (right === ""); // what has no value stands last
      const order = typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right));
      return sign * order || a.dataset.order - b.dataset.order;
    };
  }

  function chosen() {
    return new URLSearchParams([...new FormData(form)].filter(([key, value]) => value && !(key === "sort" && value === first)));
  }

  function show() {
    const filters = [...chosen()].filter(([key]) => key !== "sort");
    let count = 0;
    for (const claim of claims) {
      claim.hidden = !filters.every(([key, value]) => (keeps[key] || ((one, wanted) => one.dataset[key] === wanted))(claim, value));
      count += !claim.hidden;
    }
    const sort = form.elements.sort.value;
    const column = sort.replace(/^-/, "");
    const sign = sort.startsWith("-") ? -1 : 1;
    table.append(...[...claims].sort(compare(column, sign)));
    for (const heading of headings) {
      if (heading.dataset.sort === column) heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      else heading.removeAttribute("aria-sort");
    }
    for (const link of links) {
      if (link.dataset.verdict === form.elements.verdict.value) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    shown.textContent = `${count} of ${claims.length} claims`;
  }

  function choose() {
    const hash = chosen().toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    show();
  }

  function read() {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=") && !form.elements.q.value && !chosen().toString()) return; // a place on the page
    const wanted = new URLSearchParams(hash.includes("=") ? hash : "");
    for (const control of form.elements) {
      if (control.name) control.value = wanted.get(control.name) || (control.name === "sort" ? first : "");
      if (control.name && control.selectedIndex === -1) control.selectedIndex = 0; // a value that is not there
    }
    show();
    if (hash && !hash.includes("=")) document.getElementById(decodeURIComponent(hash))?.scrollIntoView();
  }

  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const column = heading.dataset.sort;
      form.elements.sort.value = form.elements.sort.value === column ? `-${column}` : column;
      choose();
    });
  }
  for (const link of links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const { verdict } = link.dataset;
      form.elements.verdict.value = form.elements.verdict.value === verdict ? "" : verdict;
      choose();
    });
  }
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", choose);
  form.addEventListener("reset", () => setTimeout(choose));
  window.addEventListener("hashchange", read);
  read();
  show();
})();
