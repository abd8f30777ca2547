// The request on the page as others would send it: curl, our Python client, the browser's fetch.
import { Dialog, html, say, state, useState } from "./ui.js";
import { photoOf } from "./photos.js";
import { pairsOf, requestOf } from "./query.js";
import { hasKey } from "./http.js";
import { t } from "./texts.js";

const KINDS = { curl: asCurl, Python: asPython, JavaScript: asJavaScript };

export function Code({ close }) {
  const [kind, setKind] = useState("curl");
  const text = KINDS[kind](requestOf(state.query), photoOf(state.query.photo)?.name);
  const copy = () => copied(text);
  return html`<${Dialog} title=${t("code.title")} close=${close} wide>
    <div class="row" role="group" aria-label=${t("code.kinds")}>${Object.keys(KINDS).map((name) => html`<button type="button" class="quiet" aria-pressed=${name === kind} onClick=${() => setKind(name)}>${name}</button>`)}</div>
    <pre tabindex="0" role="region" aria-label=${kind}><code id="code">${text}</code></pre>
    <button type="button" onClick=${copy}>${t("code.copy")}</button>
  </${Dialog}>`;
}

// Put a text on the clipboard, also where the page did not come over TLS.
export async function copied(text, words = t("code.copied")) {
  try {
    await navigator.clipboard.writeText(text);
    say(words);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    say(done ? words : t("code.notCopied"), !done);
    return done;
  }
}

const shell = (text) => (/^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

export function asCurl({ method, path, fields }, photo) {
  const address = location.origin + path;
  const lines = [`curl -s ${method === "GET" ? "-G " : ""}${shell(address)}`];
  if (hasKey()) lines.push(`-H "Authorization: Bearer $THATLOOK_KEY"`);
  if (method === "GET") for (const [name, value] of pairsOf(fields)) lines.push(`--data-urlencode ${shell(`${name}=${value}`)}`);
  else if (photo) {
    lines.push(`-F ${shell("image=@" + photo)}`);
    for (const [name, value] of pairsOf(fields)) lines.push(`--form-string ${shell(`${name}=${value}`)}`);
  } else lines.push("--json " + shell(JSON.stringify(fields)));
  return lines.join(" \\\n  ");
}

export function asPython({ method, path, fields }, photo) {
  const named = method === "GET" ? [python(decodeURIComponent(path.split("/")[3]))] : [];
  const rest = { ...fields };
  if (photo) named.push(`Path(${python(photo)})`);
  else if (path.endsWith("/text")) named.push(python(rest.text?.[0] ?? ""));
  else if (rest.image_url) named.push(python(rest.image_url));
  if (path.endsWith("/text")) delete rest.text;
  delete rest.image_url;
  const call = method === "GET" ? path.split("/").pop() : path.endsWith("/text") ? "search_text" : "search_image";
  if (rest.image_id) { named.push(`shop.image(${python(rest.image_id)})`); delete rest.image_id; }
  const given = [...named, ...Object.entries(rest).map(([name, value]) => `${name}=${python(value)}`)];
  const key = hasKey() ? `, headers={"Authorization": "Bearer " + os.environ["THATLOOK_KEY"]}` : "";
  const needs = [hasKey() && "import os", photo && "from pathlib import Path"].filter(Boolean);
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

export function asJavaScript({ method, path, fields }, photo) {
  const key = hasKey() ? `, headers: { Authorization: "Bearer " + key }` : "";
  const address = JSON.stringify(location.origin + path);
  if (method === "GET") {
    return [`const asked = new URLSearchParams(${JSON.stringify(pairsOf(fields), null, 2)});`, `const response = await fetch(${address} + "?" + asked${key && `, {${key.slice(1)} }`});`, ...ANSWER].join("\n");
  }
  if (photo) {
    const rows = pairsOf(fields).map(([name, value]) => `body.append(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
    return ["const body = new FormData();", `body.append("image", file); // ${photo}`, ...rows, `const response = await fetch(${address}, { method: "POST", body${key} });`, ...ANSWER].join("\n");
  }
  const headers = `{ "Content-Type": "application/json"${hasKey() ? `, Authorization: "Bearer " + key` : ""} }`;
  return [`const asked = ${JSON.stringify(fields, null, 2)};`, `const response = await fetch(${address}, { method: "POST", headers: ${headers}, body: JSON.stringify(asked) });`, ...ANSWER].join("\n");
}

const ANSWER = ["const { garments } = await response.json();", "for (const { hits } of garments) for (const hit of hits) console.log(hit.score, hit.title, hit.link);"];
