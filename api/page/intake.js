// How a photo comes: chosen, dropped, pasted, taken, by its address, or one of this visit; and how it is put away.
import { html, Icon, openDialog, say, state, useState } from "./ui.js";
import { pictureOf } from "./http.js";
import { addPhoto, ask, askPhoto, dropPhoto, fresh, putAway, settings } from "./search.js";
import { forgetPhotos, photoOf, recentPhotos } from "./photos.js";
import { isEmpty, isPhoto, MOST_PHOTOS } from "./query.js";
import { Picture } from "./results.js";
import { Stage, StageTools } from "./stage.js";
import { bytes, t } from "./texts.js";

export function Intake() {
  const { query } = state;
  const asked = isPhoto(query) || query.product || query.look;
  return html`<div class="intake">
    ${asked && html`<${Subject} />`}
    <div class="sources"><div class=${asked ? "drop small" : "drop"} id="drop" key="drop">
      <input type="file" id="image" accept="image/*" multiple aria-describedby="hint" onChange=${chosen} />
      <label for="image"><${Icon} name="photo" /><strong>${t(asked ? "intake.another" : "intake.choose")}</strong></label>
      <span id="hint">${t("intake.hint", { most: bytes(settings.maxImageBytes) })}</span>
    </div>
    <div class="ways">
      <${TakePhoto} />
      ${settings.imageUrls && html`<${Address} />`}
    </div></div>
    <${Recent} />
  </div>`;
}

function chosen(event, take = askPhoto) {
  const files = [...event.target.files];
  event.target.value = ""; // The same file may be chosen again.
  if (files.length) take(...files);
}

// With the phone's own camera, or live where a browser has one and lets this page use it (over TLS, or on this machine).
function TakePhoto() {
  const live = Boolean(navigator.mediaDevices?.getUserMedia) && !matchMedia("(pointer: coarse)").matches;
  if (live) return html`<button type="button" class="quiet" id="camera" onClick=${() => openDialog("Camera", () => import("./camera.js"))}><${Icon} name="camera" />${t("intake.camera")}</button>`;
  return html`<label class="file camera quiet"><${Icon} name="camera" />${t("intake.camera")}<input type="file" accept="image/*" capture="environment" onChange=${chosen} /></label>`;
}

// What is searched with: the photo with its outlines, or the product that others shall be like.
function Subject() {
  const { answer, like, query } = state;
  const photo = photoOf(query.photo);
  const known = like?.product_id === query.look && like?.image;
  const stored = query.stored || (query.look && (answer?.image || known));
  const name = photo?.name ?? (query.look ? like?.title ?? query.look : stored ? t("subject.stored") : query.address);
  const picture = photo?.url ?? (stored ? pictureOf(stored) : "");
  return html`<div class="subject">
    ${query.look && html`<p>${t("subject.look")} <b dir="auto">${name}</b></p>`}
    ${query.product ? html`<${Like} />` : html`<${ShownPhoto} picture=${picture} name=${name} />`}
    <div class="subject-row">
      <button type="button" class="quiet" id="put-away" onClick=${putAway}><${Icon} name="close" />${t("subject.putAway")}</button>
      ${isPhoto(query) && !query.more.length && html`<${StageTools} />`}
      ${query.photo && query.more.length < MOST_PHOTOS - 1 && html`<label class="file quiet">${t("photos.add")}<input type="file" id="add-photo" accept="image/*" aria-label=${t("photos.addLabel")} onChange=${(event) => chosen(event, addPhoto)} /></label>`}
    </div>
    ${query.more.length > 0 && html`<${Photos} />`}
    ${isPhoto(query) && answer?.width && html`<p class="tip">${t(query.more.length ? "photos.tip" : "box.tip")}</p>`}
  </div>`;
}

// Further photos of the same look: what they show of a garment is searched with together.
function Photos() {
  const { more } = state.query;
  return html`<ul class="more-photos" aria-label=${t("photos.label")}>${more.map(photoOf).filter(Boolean).map((photo) => html`<li key=${photo.id}><img src=${photo.url} alt=${photo.name} />
      <button type="button" aria-label=${t("photos.drop", { name: photo.name })} onClick=${() => dropPhoto(photo.id)}><${Icon} name="close" /></button></li>`)}</ul>`;
}

function ShownPhoto({ picture, name }) {
  const [fetched, setFetched] = useState("");
  if (typeof picture !== "string") picture.then(setFetched);
  return html`<${Stage} picture=${typeof picture === "string" ? picture : fetched} name=${name} />`;
}

function Like() {
  const { like, query } = state;
  const known = like?.product_id === query.product ? like : null;
  return html`<figure class="like">${known?.image && html`<${Picture} path=${known.image} alt="" />`}
    <figcaption>${t("subject.like")} <b dir="auto">${known?.title || query.product}</b></figcaption></figure>`;
}

function Address() {
  const [address, setAddress] = useState("");
  const submit = (event) => {
    event.preventDefault();
    if (!/^https?:\/\//i.test(address.trim())) return say(t("intake.noAddress"), true);
    return ask({ ...fresh(), address: address.trim() }, { entry: true });
  };
  return html`<form class="address" onSubmit=${submit}><label>${t("intake.address")}
    <input id="address" type="url" inputmode="url" placeholder="https://" value=${address} onInput=${(e) => setAddress(e.target.value)} /></label>
    <button class="quiet">${t("intake.fetch")}</button></form>`;
}

function Recent() {
  const { photo: shown, more } = state.query;
  const photos = recentPhotos().filter(({ id }) => id !== shown && !more.includes(id));
  if (!photos.length) return null;
  const open = (photo) => ask({ ...fresh(), photo: photo.id }, { entry: true });
  const forget = () => {
    forgetPhotos();
    if (state.query.photo) putAway();
    say(t("recent.forgotten"));
  };
  return html`<div class="recent"><p id="recent">${t("recent.title")}</p>
    <ul aria-labelledby="recent">${photos.map((photo) => html`<li key=${photo.id}><button type="button" class="bare" onClick=${() => open(photo)} aria-label=${t("recent.open", { name: photo.name })}><img src=${photo.url} alt="" /></button></li>`)}</ul>
    <button type="button" class="bare text" onClick=${forget}>${t("recent.forget")}</button></div>`;
}

// Drop and paste, wherever on the page.
export function takeFromAnywhere(root, takeFeed) {
  let depth = 0;
  const over = (on) => root.classList.toggle("over", on);
  addEventListener("dragenter", () => { depth += 1; over(true); });
  addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) { depth = 0; over(false); } });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    over(false);
    const files = [...event.dataTransfer.files];
    if (files.length) return state.view === "catalogue" ? takeFeed(files[0]) : askPhoto(...files);
    return askAddress(event.dataTransfer.getData("text/uri-list"));
  });
  addEventListener("paste", (event) => {
    if (state.view !== "search") return;
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
    if (file) {
      event.preventDefault();
      askPhoto(file);
    } else if (!event.target.closest?.("input, textarea")) askAddress(event.clipboardData.getData("text"));
  });
}

function askAddress(text) {
  const address = text.trim().split(/\s/)[0];
  if (!/^https?:\/\//i.test(address)) return undefined;
  if (!settings.imageUrls) return say(t("intake.addressesOff"), true);
  return ask({ ...fresh(), address }, { entry: true });
}

export const nothingAsked = () => isEmpty(state.query);
