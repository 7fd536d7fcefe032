// Groups of a campaign as they are written: "1, 10%, 100%". No input, no output.

// What follows a group that went well, and one that did not.
export const AFTER_SUCCESS = [["next", "the next one"], ["pause", "wait"]];
export const ON_ERROR = [["pause", "pause"], ["stop", "stop"], ["undo", "undo"]];

export function groupsOf(text, limits = {}) {
  return text.split(",").map((part) => part.trim()).filter(Boolean).map((part) => {
    const number = Number(part.replace(/%$/, ""));
    if (!Number.isInteger(number) || number < 1) throw new Error(`${part} is no group: write how many devices, as 10, or how many of all, as 10%`);
    return part.endsWith("%") ? { percent: number, ...limits } : { size: number, ...limits };
  });
}

