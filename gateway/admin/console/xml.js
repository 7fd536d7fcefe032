// A document laid out for reading: an element a line, indented. Text that is no XML is given back as it is.
export function pretty(text) {
  const parsed = new DOMParser().parseFromString(text, "application/xml");
  if (parsed.querySelector("parsererror")) return text;
  return lines(parsed.documentElement, 0).join("\n");
}

function lines(element, depth) {
  const indent = "  ".repeat(depth);
  const attributes = [...element.attributes].map(({ name, value }) => ` ${name}="${escape(value).replaceAll('"', "&quot;")}"`);
  const tag = `${indent}<${element.nodeName}${attributes.join("")}`;
  const end = `</${element.nodeName}>`;
  if (element.children.length) return [`${tag}>`, ...[...element.children].flatMap((child) => lines(child, depth + 1)), indent + end];
  return [element.textContent ? `${tag}>${escape(element.textContent)}${end}` : `${tag}/>`];
}

const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
