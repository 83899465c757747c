"""What there is to be seen of a page's charts, asked of the browser."""

from tests.browser import Browser

NOT_DRAWN = """[...document.querySelectorAll(".chart")]
    .filter((chart) => chart.querySelectorAll(".trace path").length < chart.data.length)
    .map((chart) => chart.dataset.figure)"""
CUT_LABELS = """[...document.querySelectorAll(".chart")].flatMap((chart) => {
    const room = chart.getBoundingClientRect();
    const outside = (box) => box.left < room.left - 1 || box.right > room.right + 1
        || box.top < room.top - 1 || box.bottom > room.bottom + 1;
    return [...chart.querySelectorAll("text")]
        .filter((text) => text.textContent && outside(text.getBoundingClientRect()))
        .map((text) => text.textContent);
})"""


def unfold(browser: Browser) -> None:
    """Open every fold, and wait until its charts are drawn."""
    browser.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    browser.settle()
    browser.settle()  # a chart is given its size in one frame and drawn in the next
