// Calls of the API: keys, problem details, and what to say when nothing answers.
import { kept } from "./ui.js";
import { t } from "./texts.js";

let key = kept.get("key", "");

export class Problem extends Error {
  constructor(words, { status = 0, code = "", waitS = 0 } = {}) {
    super(words);
    Object.assign(this, { status, code, waitS });
  }
}

export const hasKey = () => Boolean(key);

export function giveKey(given) {
  key = given.trim();
  kept.set("key", key);
}

// A request's answer, `{data, ms}`; a Problem where it is refused or nothing answers. A search that is ended says so
// with the browser's own AbortError.
export async function call(method, path, { body, json, headers = {}, signal } = {}) {
  const sent = { method, headers: { ...headers }, signal, body };
  if (key) sent.headers.Authorization = "Bearer " + key;
  if (json !== undefined) {
    sent.body = JSON.stringify(json);
    sent.headers["Content-Type"] ??= "application/json";
  }
  const start = performance.now();
  const response = await answered(path, sent);
  const text = await textOf(response, signal);
  if (!response.ok) throw problemOf(response, text);
  return { data: text ? JSON.parse(text) : null, status: response.status, ms: performance.now() - start };
}

async function answered(path, sent) {
  try {
    return await fetch(path, sent);
  } catch (error) {
    if (sent.signal?.aborted) throw error;
    throw new Problem(navigator.onLine ? t("error.unreachable") : t("error.offline"), { code: "unreachable" });
  }
}

async function textOf(response, signal) {
  try {
    return await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(t("error.brokenOff"), { code: "unreachable" });
  }
}

function problemOf(response, text) {
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    // A proxy's own page says less than the status.
  }
  const words = told.detail || told.title || t("error.status", { status: response.status });
  const waitS = Number(response.headers.get("Retry-After")) || 0;
  return new Problem(words, { status: response.status, code: told.code ?? "", waitS });
}

// Whether an <img> may show this picture as it is; where keys are asked for, a copy has to be fetched with one.
export const isOpen = (path) => !key || !path.startsWith("/v1/");

// The address of a stored picture that an <img> may show: itself, or such a copy, which comes later.
const copies = new Map();

export function pictureOf(path) {
  if (isOpen(path)) return path;
  if (!copies.has(path)) copies.set(path, fetchedPicture(path));
  return copies.get(path);
}

async function fetchedPicture(path) {
  const response = await fetch(path, { headers: { Authorization: "Bearer " + key } });
  return response.ok ? URL.createObjectURL(await response.blob()) : path;
}
