// What is on the page as a table for spreadsheets.
const COLUMNS = ["garment", "rank", "product_id", "title", "brand", "color", "size", "price", "list_price", "currency", "availability", "score", "confidence", "visual", "semantic", "text", "color_signal", "link", "why"];

// One row for each product shown. `rows` are {garment, rank, hit}.
export function csvOf(rows) {
  const lines = rows.map(({ garment, rank, hit }) => [
    garment, rank, hit.product_id, hit.title, hit.brand, hit.color, hit.size, hit.price, hit.list_price, hit.currency, hit.availability,
    hit.score, hit.confidence, hit.signals?.visual, hit.signals?.semantic, hit.signals?.text, hit.signals?.color, hit.link, (hit.why ?? []).join(" "),
  ]);
  return [COLUMNS, ...lines].map((line) => line.map(cell).join(",")).join("\r\n") + "\r\n";
}

// A shop's text that a spreadsheet would take for a formula stands behind an apostrophe.
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? "'" + value : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function download(name, text) {
  const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
