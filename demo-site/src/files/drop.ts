// Files that a person drops on an element, with `over` while they hover.

export interface Drop {
  over(isOver: boolean): void;
  files(files: File[]): void;
}

/** An attachment: `{@attach droppable(...)}`. */
export function droppable(drop: Drop): (element: HTMLElement) => () => void {
  return (element) => {
    const ends = new AbortController();
    const { signal } = ends;
    const hover = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      drop.over(true);
    };
    const leave = (event: DragEvent): void => {
      if (!(event.relatedTarget instanceof Node && element.contains(event.relatedTarget))) drop.over(false);
    };
    const take = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      drop.over(false);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0) drop.files(files);
    };
    element.addEventListener("dragenter", hover, { signal });
    element.addEventListener("dragover", hover, { signal });
    element.addEventListener("dragleave", leave, { signal });
    element.addEventListener("drop", take, { signal });
    return () => ends.abort();
  };
}

/** A file that misses its place must not replace the page. */
export function keepPage(event: DragEvent): void {
  if (hasFiles(event)) event.preventDefault();
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") === true;
}
