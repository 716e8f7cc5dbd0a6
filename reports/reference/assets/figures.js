// PNG button below each static figure: the browser renders the SVG of the page in the present theme.
"use strict";

(() => {
  const SCALE = 4;

  /** The figure as a separate document, with the colours and the font of the page. */
  const standalone = (svg) => {
    const style = getComputedStyle(document.documentElement);
    const copy = svg.cloneNode(true);
    const { width, height } = svg.viewBox.baseVal;
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    copy.style.fontFamily = getComputedStyle(document.body).fontFamily;
    const text = new XMLSerializer().serializeToString(copy);
    return { text: text.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim()), width, height };
  };

  const save = async (figure) => {
    const { text, width, height } = standalone(figure.querySelector("svg"));
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width * SCALE, height * SCALE];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const link = document.createElement("a");
    link.href = canvas.toDataURL("image/png");
    link.download = `${figure.querySelector(".formats").dataset.name}.png`;
    link.click();
  };

  for (const formats of document.querySelectorAll(".formats[data-name]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "PNG";
    button.addEventListener("click", () => save(formats.closest("figure")));
    formats.append(button);
  }
})();
