// A live camera where the browser has one: a dialog with its picture, and a photo of it on a click.
import { Dialog, html, useEffect, useLayoutEffect, useRef, useState } from "./ui.js";
import { t } from "./texts.js";

const QUALITY = 0.92;

export function Camera({ close, take }) {
  const video = useRef();
  const shutter = useRef();
  const [problem, setProblem] = useState("");
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let stream = null;
    let gone = false;
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    opened().then((found) => {
      stream = found;
      if (gone) return stop();
      video.current.srcObject = found;
      return video.current.play();
    }).catch((error) => gone || setProblem(reasonOf(error)));
    return () => { gone = true; stop(); };
  }, []);
  useLayoutEffect(() => { if (ready) shutter.current.focus(); }, [ready]);
  const snap = async () => {
    const file = await pictureOf(video.current);
    close();
    take(file);
  };
  return html`<${Dialog} title=${t("camera.title")} close=${close}>
    ${problem ? html`<p class="problem" role="alert">${problem}</p>` : html`<video ref=${video} muted playsinline aria-label=${t("camera.live")} onPlaying=${() => setReady(true)}></video>`}
    ${!problem && html`<p class="row"><button type="button" ref=${shutter} disabled=${!ready} onClick=${snap}>${t("camera.take")}</button><span role="status">${ready ? "" : t("camera.opening")}</span></p>`}
    ${problem && html`<label class="quiet file">${t("camera.file")}<input type="file" accept="image/*" capture="environment" onChange=${(event) => { const [file] = event.target.files; close(); if (file) take(file); }} /></label>`}
  </${Dialog}>`;
}

// The camera at the back where there are two.
function opened() {
  return navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 }, height: { ideal: 1440 } } });
}

function reasonOf({ name }) {
  const known = { NotAllowedError: "camera.refused", SecurityError: "camera.refused", NotFoundError: "camera.none", OverconstrainedError: "camera.none", NotReadableError: "camera.taken" };
  return t(known[name] ?? "camera.none");
}

async function pictureOf(video) {
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  return new File([blob], t("camera.name"), { type: "image/jpeg" });
}
