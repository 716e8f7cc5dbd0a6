// Two pictures on top of each other: a slider, their difference, zoom. A picture is loaded when it is chosen.
"use strict";

(() => {
  const root = document.getElementById("viewer");
  const source = document.getElementById("sets");
  if (!root || !source) return;

  const sets = JSON.parse(source.textContent);
  const byId = (id) => document.getElementById(id);
  const control = Object.fromEntries(["image", "rate", "left", "right", "mode", "zoom", "slider"].map((id) => [id, byId(id)]));
  const ORIGINAL = "";

  const fill = (select, options, wanted) => {
    select.replaceChildren(...options.map(([value, text]) => {
      const option = document.createElement("option");
      option.value = value;
      option.textContent = text;
      return option;
    }));
    if (options.some(([value]) => value === wanted)) select.value = wanted;
  };

  const currentSet = () => sets.find(({ image }) => image === control.image.value);
  const currentTarget = () => currentSet().targets.find(({ rate }) => rate === control.rate.value);

  const chosen = (name) => {
    const entry = currentTarget().entries.find((candidate) => candidate.name === name);
    return entry ?? { title: "Original", file: currentSet().original };
  };

  const label = ({ title, bpp, psnr, quality }) =>
    bpp ? `${title}, quality ${quality}: ${bpp} bpp, ${psnr} dB` : title;

  const chooseImage = () => {
    fill(control.rate, currentSet().targets.map(({ rate }) => [rate, rate]), control.rate.value);
    chooseRate();
  };

  const chooseRate = () => {
    const entries = currentTarget().entries.map(({ name, title }) => [name, title]);
    const both = [[ORIGINAL, "Original"], ...entries];
    const [first, last] = [control.left.value || entries[0][0], control.right.value || entries.at(-1)[0]];
    fill(control.left, both, first);
    fill(control.right, both, last);
    show();
  };

  const place = () => {
    const mode = control.mode.value;
    const share = { slider: control.slider.value, left: 100, right: 0, difference: 100 }[mode];
    byId("over").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    byId("divider").style.left = `${share}%`;
    byId("divider").hidden = mode !== "slider";
    byId("wipe").hidden = mode !== "slider";
    byId("pair").classList.toggle("difference", mode === "difference");
  };

  const zoom = () => {
    const { width, height } = currentSet();
    const pair = byId("pair");
    const fit = control.zoom.value === "fit";
    pair.style.aspectRatio = `${width} / ${height}`;
    // Zoom 1 shows one sample on one pixel of the screen, whatever the screen's density.
    pair.style.width = fit ? `min(${width}px, calc(100vw - 3rem))` : `${width * control.zoom.value / devicePixelRatio}px`;
    pair.classList.toggle("magnified", !fit);
  };

  const show = () => {
    const [left, right] = [chosen(control.left.value), chosen(control.right.value)];
    for (const [id, entry] of [["over", left], ["under", right]]) {
      const image = byId(id);
      if (image.getAttribute("src") !== entry.file) image.src = entry.file;
      image.alt = `${control.image.value}: ${label(entry)}`;
    }
    byId("left-label").textContent = `Left: ${label(left)}`;
    byId("right-label").textContent = `Right: ${label(right)}`;
    zoom();
    place();
  };

  fill(control.image, sets.map(({ image }) => [image, image]));
  control.image.addEventListener("change", chooseImage);
  control.rate.addEventListener("change", chooseRate);
  for (const name of ["left", "right", "zoom"]) control[name].addEventListener("change", show);
  control.mode.addEventListener("change", place);
  control.slider.addEventListener("input", place);

  byId("pair").addEventListener("pointermove", (event) => {
    if (control.mode.value !== "slider" || (event.pointerType !== "mouse" && !event.buttons)) return;
    const box = byId("pair").getBoundingClientRect();
    control.slider.value = 100 * (event.clientX - box.left) / box.width;
    place();
  });

  root.hidden = false;
  chooseImage();
})();
