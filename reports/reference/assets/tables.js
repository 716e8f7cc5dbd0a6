// Sorting of tables by a click on a heading, filtering of rows, and links that open folded sections.
"use strict";

(() => {
  const TRUE_MINUS = /\u2212/g;

  /** Sort key of a cell: data-sort if present, otherwise the first line as a number or as text. */
  const sortKey = (cell) => {
    const text = cell.dataset.sort ?? cell.firstChild?.textContent?.trim() ?? "";
    const number = Number.parseFloat(text.replace(TRUE_MINUS, "-").replace(/\u202f/g, ""));
    return Number.isNaN(number) ? (cell.classList.contains("n") ? null : cell.textContent.trim()) : number;
  };

  /** Compare keys; cells without a number are last in both directions. */
  const compare = (a, b, direction) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return direction * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  };

  const isDoubted = ({ row }) => Number(row.classList.contains("doubted"));

  /** Sort rows by a column; doubted rows are last. */
  const sortBy = (table, index, direction) => {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, place) => ({ row, place, key: sortKey(row.cells[index]) }));
    rows.sort((a, b) => isDoubted(a) - isDoubted(b) || compare(a.key, b.key, direction) || a.place - b.place);
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

  for (const field of document.querySelectorAll("input[data-filter]")) {
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/);
      for (const row of document.getElementById(field.dataset.filter).tBodies[0].rows) {
        const text = `${row.dataset.curve} ${row.textContent}`.toLowerCase();
        row.classList.toggle("filtered", !words.every((word) => text.includes(word)));
      }
    });
  }

  // Links into a folded section open it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = target?.closest("details:not([open])");
    if (closed) closed.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
