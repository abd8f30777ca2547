// The request on the page as others would send it: curl, our Python client, the browser's fetch.
import { copied, Dialog, html, state, useState } from "./ui.js";
import { photoOf } from "./photos.js";
import { pairsOf, requestOf } from "./query.js";
import { hasKey } from "./http.js";
import { t } from "./texts.js";

const KINDS = { curl: asCurl, Python: asPython, JavaScript: asJavaScript };

export function Code({ close }) {
  const [kind, setKind] = useState("curl");
  const photos = [state.query.photo, ...state.query.more].map(photoOf).filter(Boolean);
  const text = KINDS[kind](requestOf(state.query), photos.map((photo) => photo.name));
  const copy = () => copied(text);
  return html`<${Dialog} title=${t("code.title")} close=${close} wide>
    <div class="row" role="group" aria-label=${t("code.kinds")}>${Object.keys(KINDS).map((name) => html`<button type="button" class="quiet" aria-pressed=${name === kind} onClick=${() => setKind(name)}>${name}</button>`)}</div>
    <pre tabindex="0" role="region" aria-label=${kind}><code id="code">${text}</code></pre>
    <button type="button" onClick=${copy}>${t("code.copy")}</button>
  </${Dialog}>`;
}

const shell = (text) => (/^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

export function asCurl({ method, path, fields }, photos) {
  const address = location.origin + path;
  const lines = [`curl -s ${method === "GET" ? "-G " : ""}${shell(address)}`];
  if (hasKey()) lines.push(`-H "Authorization: Bearer $THATLOOK_KEY"`);
  if (method === "GET") for (const [name, value] of pairsOf(fields)) lines.push(`--data-urlencode ${shell(`${name}=${value}`)}`);
  else if (photos.length) {
    for (const photo of photos) lines.push(`-F ${shell("image=@" + photo)}`);
    for (const [name, value] of pairsOf(fields)) lines.push(`--form-string ${shell(`${name}=${value}`)}`);
  } else lines.push("--json " + shell(JSON.stringify(fields)));
  return lines.join(" \\\n  ");
}

export function asPython({ method, path, fields }, photos) {
  const paths = photos.map((photo) => `Path(${python(photo)})`);
  const named = method === "GET" ? [python(decodeURIComponent(path.split("/")[3]))] : [];
  const rest = { ...fields };
  if (paths.length) named.push(paths.length > 1 ? `[${paths.join(", ")}]` : paths[0]);
  else if (path.endsWith("/text")) named.push(python(rest.text?.[0] ?? ""));
  else if (rest.image_url) named.push(python(rest.image_url));
  if (path.endsWith("/text")) delete rest.text;
  delete rest.image_url;
  const call = method === "GET" ? path.split("/").pop() : path.endsWith("/text") ? "search_text" : "search_image";
  if (rest.image_id) { named.push(`shop.image(${python(rest.image_id)})`); delete rest.image_id; }
  const given = [...named, ...Object.entries(rest).map(([name, value]) => `${name}=${python(value)}`)];
  const key = hasKey() ? `, headers={"Authorization": "Bearer " + os.environ["THATLOOK_KEY"]}` : "";
  const needs = [hasKey() && "import os", paths.length && "from pathlib import Path"].filter(Boolean);
  return [...needs, ...(needs.length ? [""] : []), "from thatlook import Client", "",
    `with Client(${python(location.origin)}${key}) as shop:`, `    answer = shop.${call}(`, ...given.map((one) => `        ${one},`), "    )",
    "for garment in answer.garments:", "    for hit in garment.hits:", "        print(hit.score, hit.title, hit.link)"].join("\n");
}

function python(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${python(name)}: ${python(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

export function asJavaScript({ method, path, fields }, photos) {
  const key = hasKey() ? `, headers: { Authorization: "Bearer " + key }` : "";
  const address = JSON.stringify(location.origin + path);
  if (method === "GET") {
    return [`const asked = new URLSearchParams(${JSON.stringify(pairsOf(fields), null, 2)});`, `const response = await fetch(${address} + "?" + asked${key && `, {${key.slice(1)} }`});`, ...ANSWER].join("\n");
  }
  if (photos.length) {
    const files = photos.map((photo, n) => `body.append("image", file${n || ""}); // ${photo}`);
    const rows = pairsOf(fields).map(([name, value]) => `body.append(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
    return ["const body = new FormData();", ...files, ...rows, `const response = await fetch(${address}, { method: "POST", body${key} });`, ...ANSWER].join("\n");
  }
  const headers = `{ "Content-Type": "application/json"${hasKey() ? `, Authorization: "Bearer " + key` : ""} }`;
  return [`const asked = ${JSON.stringify(fields, null, 2)};`, `const response = await fetch(${address}, { method: "POST", headers: ${headers}, body: JSON.stringify(asked) });`, ...ANSWER].join("\n");
}

const ANSWER = ["const { garments } = await response.json();", "for (const { hits } of garments) for (const hit of hits) console.log(hit.score, hit.title, hit.link);"];
