// Tables that sort by a click on a column's head, and one metric's matrix at a time.
"use strict";

(() => {
  const TRUE_MINUS = /\u2212/g;

  /** What a cell sorts by: its data-sort where it has one, else its first line as a number or as text. */
  const sortKey = (cell) => {
    const text = cell.dataset.sort ?? cell.firstChild?.textContent?.trim() ?? "";
    const number = Number.parseFloat(text.replace(TRUE_MINUS, "-").replace(/\u2009/g, ""));
    return Number.isNaN(number) ? (cell.classList.contains("n") ? null : cell.textContent.trim()) : number;
  };

  /** Cells without a number come last, whichever way the others go. */
  const compare = (a, b, direction) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return direction * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  };

  const sortBy = (table, index, direction) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, place) => ({ row, place, key: sortKey(row.cells[index]) }));
    rows.sort((a, b) => compare(a.key, b.key, direction) || a.place - b.place);
    body.append(...rows.map(({ row }) => row));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
        sortBy(table, index, direction);
      });
    });
  }

  const tabs = document.getElementById("metric-tabs");
  const matrices = [...document.querySelectorAll(".matrix")];
  if (tabs && matrices.length > 1) {
    const buttons = matrices.map((matrix) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = matrix.querySelector("h3").textContent;
      button.addEventListener("click", () => show(matrix));
      return button;
    });
    const show = (shown) => {
      matrices.forEach((matrix, index) => {
        matrix.hidden = matrix !== shown;
        buttons[index].setAttribute("aria-pressed", String(matrix === shown));
      });
    };
    tabs.setAttribute("role", "group");
    tabs.setAttribute("aria-label", "Metric");
    tabs.append(...buttons);
    tabs.hidden = false;
    show(matrices[0]);
  }

  // A link to a place inside a closed part of the page opens it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = target?.closest("details:not([open])");
    if (closed) closed.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
