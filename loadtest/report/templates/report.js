"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const nodes = [...document.querySelectorAll(".chart")];
  const settings = { displayModeBar: false, responsive: false };

  // Colours come from the page's variables, which follow the reader's scheme.
  function scheme() {
    const style = getComputedStyle(document.documentElement);
    const variable = (name) => style.getPropertyValue(name).trim();
    const text = variable("--text"), line = variable("--line");
    const axis = { gridcolor: variable("--grid"), linecolor: line, tickcolor: line };
    return {
      layout: {
        font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: text },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        xaxis: axis,
        yaxis: axis,
        shapedefaults: { line: { color: variable("--quiet") }, label: { font: { color: variable("--quiet") } } },
        hoverlabel: { bgcolor: variable("--raised"), bordercolor: line, font: { color: text } },
      },
    };
  }

  function draw() {
    for (const node of nodes) {
      const figure = figures[node.dataset.figure];
      Plotly.react(node, figure.data, { ...figure.layout, template: scheme() }, settings);
    }
  }

  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // A chart in a closed fold has no width until it is opened.
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) if (target.clientWidth > 0) Plotly.Plots.resize(target);
  });
  for (const node of nodes) observer.observe(node);
})();
