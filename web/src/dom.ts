// Elements without a framework. Text is only ever set as text, so nothing foreign becomes markup.

export type Child = Node | string;

/** An element with attributes and children; `class` and `data-*` are attributes like any other. */
export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** The element with that id, which index.html promises. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found;
}

/** Replace the rows of a table body; a click in a row that stays the same is not lost. */
export function fill(body: HTMLElement, rows: HTMLTableRowElement[], empty: string, wide: number): void {
  const wanted = rows.length > 0 ? rows : [h("tr", {}, h("td", { colspan: String(wide), class: "empty" }, empty))];
  wanted.forEach((row, index) => {
    const old = body.children[index];
    if (old === undefined) body.append(row);
    else if (!old.isEqualNode(row)) old.replaceWith(row);
  });
  while (body.children.length > wanted.length) body.lastElementChild?.remove();
}

/** A cell that keeps its column's name for narrow screens, where rows become cards. */
export function cell(column: string, ...children: Child[]): HTMLTableCellElement {
  return h("td", { "data-column": column }, ...children);
}
