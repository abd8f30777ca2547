// Photos: what may be sent, the ones of this visit, and the small copy that a shared link carries.
import { kept } from "./ui.js";
import { t, bytes } from "./texts.js";

const RECENT = 8;
const KEPT_WHOLE_BYTES = 400_000;
const LINK_CHARACTERS = 9_000;
const SIGNATURES = [
  [[0xff, 0xd8, 0xff], 0], [[0x89, 0x50, 0x4e, 0x47], 0], [[0x47, 0x49, 0x46, 0x38], 0], [[0x42, 0x4d], 0],
  [[0x49, 0x49, 0x2a, 0], 0], [[0x4d, 0x4d, 0, 0x2a], 0], [[0x57, 0x45, 0x42, 0x50], 8],
];
const BRANDS = /^ftyp(avif|avis|heic|heix|heim|heis|hevc|hevx|mif1|msf1)/; // of AVIF and HEIC; a film has others
const held = new Map(); // id → {id, name, file, url}

// Why a file cannot be searched with, told before a byte is sent; "" where it can.
export async function refusalOf(file, maxBytes) {
  const name = file.name || t("photo.pasted");
  if (!file.size) return t("photo.empty", { name });
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const brand = String.fromCharCode(...head.subarray(4, 12));
  const known = BRANDS.test(brand) || SIGNATURES.some(([marks, at]) => marks.every((mark, n) => head[at + n] === mark));
  if (!known) return t("photo.noPicture", { name });
  return file.size > maxBytes ? t("photo.tooLarge", { name, size: bytes(file.size), most: bytes(maxBytes) }) : "";
}

// Take a photo on: it is among the recent ones, and its id stands in the address.
export async function takeOn(file, id = newId()) {
  const photo = { id, name: file.name || t("photo.pasted"), file, url: URL.createObjectURL(file) };
  held.set(id, photo);
  remember(photo);
  return photo;
}

export function photoOf(id) {
  const found = held.get(id);
  if (found) return found;
  const row = kept.get("photos", []).find((each) => each.id === id);
  if (!row) return null;
  const file = new File([decoded(row.data)], row.name, { type: row.type });
  const photo = { id, name: row.name, file, url: URL.createObjectURL(file) };
  held.set(id, photo);
  return photo;
}

export function recentPhotos() {
  const rows = kept.get("photos", []).map((row) => row.id);
  const ids = [...held.keys()].reverse();
  return [...new Set([...ids, ...rows])].slice(0, RECENT).map(photoOf).filter(Boolean);
}

export function forgetPhotos() {
  for (const photo of held.values()) URL.revokeObjectURL(photo.url);
  held.clear();
  kept.set("photos", []);
}

// A copy small enough for an address, as base64url; null where the browser cannot read the photo.
export async function linkCopy(file, ofSeveral = 1) {
  for (const [side, quality] of [[512, 0.6], [384, 0.55], [320, 0.45], [256, 0.35], [192, 0.3], [128, 0.25]]) {
    const copy = await smaller(file, side, quality, "image/webp");
    if (!copy) return null;
    const text = (await encoded(copy)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    if (text.length <= LINK_CHARACTERS / ofSeveral) return text;
  }
  return null;
}

export function photoFromLink(text) {
  const data = decoded(text.replaceAll("-", "+").replaceAll("_", "/"));
  return new File([data], "shared.webp", { type: "image/webp" });
}

function newId() {
  return Date.now().toString(36) + Math.floor(Math.random() * 1e6).toString(36);
}

async function remember(photo) {
  let copy = photo.file;
  if (copy.size > KEPT_WHOLE_BYTES) copy = (await smaller(photo.file, 1280, 0.85, "image/jpeg")) ?? null;
  if (!copy) return;
  const row = { id: photo.id, name: photo.name, type: copy.type, data: await encoded(copy) };
  const rows = [row, ...kept.get("photos", []).filter((each) => each.id !== photo.id)].slice(0, RECENT);
  while (rows.length && !kept.set("photos", rows)) rows.pop();
}

async function smaller(file, side, quality, type) {
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, side / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return await new Promise((done) => canvas.toBlob(done, type, quality));
  } catch {
    return null; // HEIC, in most browsers: the server reads it all the same.
  }
}

async function encoded(blob) {
  const data = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let n = 0; n < data.length; n += 32_768) text += String.fromCharCode(...data.subarray(n, n + 32_768));
  return btoa(text);
}

function decoded(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
