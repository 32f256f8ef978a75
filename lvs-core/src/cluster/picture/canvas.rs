//! What a drawing is made of, written as SVG: boxes with lines of text, and arrows.

use std::fmt::Write;

use crate::text::escape_line;

/// The height of a line of text in pixels.
const LINE: usize = 19;

/// The distance of text from the edge of its box.
const PAD: usize = 12;

/// The colours by day, and by night where the viewer knows of it. The drawing has a ground of its own, so that it can
/// be read on any page.
const STYLE: &str = "\
svg { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace }
text { fill: #1f2328 }
.name, .vip { font-weight: bold }
.vip { fill: #0969da }
.soft, .label { fill: #59636e }
.label { text-anchor: end }
.ground { fill: #ffffff; stroke: #d0d7de }
.server { fill: #f6f8fa; stroke: #d0d7de }
.director, .clients { fill: #ddf4ff; stroke: #0969da }
.rule { stroke: #0969da; opacity: 0.4 }
.link, .answer { fill: none; stroke: #59636e; stroke-width: 1.5 }
.answer { stroke: #1a7f37 }
.idle { stroke-dasharray: 4 4 }
.to { fill: #59636e }
.back { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.vip { fill: #4493f8 }
.soft, .label { fill: #9198a1 }
.ground { fill: #0d1117; stroke: #3d444d }
.server { fill: #151b23; stroke: #3d444d }
.director, .clients { fill: #12253d; stroke: #4493f8 }
.rule { stroke: #4493f8 }
.link { stroke: #9198a1 }
.answer { stroke: #3fb950 }
.to { fill: #9198a1 }
.back { fill: #3fb950 }
}
";

/// Is a line of text in a box: what it is about, and what it says.
pub(super) struct Line {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) is_virtual: bool,
}

impl Line {
    pub(super) fn new(key: impl ToString, value: impl ToString) -> Self {
        Self {
            key: key.to_string(),
            value: value.to_string(),
            is_virtual: false,
        }
    }

    pub(super) fn virtual_if(mut self, is_virtual: bool) -> Self {
        self.is_virtual = is_virtual;
        self
    }
}

/// Is a box with a name, and a remark beside it; its lines come in two parts with a rule between them.
pub(super) struct Card {
    pub(super) class: &'static str,
    pub(super) name: String,
    pub(super) remark: String,
    pub(super) lines: Vec<Line>,
    pub(super) more: Vec<Line>,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
}

impl Card {
    pub(super) fn new(class: &'static str, name: impl ToString) -> Self {
        Self {
            class,
            name: name.to_string(),
            remark: String::new(),
            lines: Vec::new(),
            more: Vec::new(),
            x: 0,
            y: 0,
            width: 0,
        }
    }

    pub(super) fn natural_width(&self) -> usize {
        let lines = self
            .lines
            .iter()
            .map(|line| self.indent() + chars(&line.value));
        let more = self.more.iter().map(|line| chars(&line.value));
        let name = chars(self.heading().trim_end());
        pixels(lines.chain(more).fold(name, usize::max)) + 2 * PAD
    }

    fn heading(&self) -> String {
        format!("{}  {}", self.name, self.remark)
    }

    /// Returns the number of characters before the values, which stand below each other.
    fn indent(&self) -> usize {
        self.lines
            .iter()
            .map(|line| chars(&line.key))
            .max()
            .map_or(0, |longest| longest + 2)
    }

    pub(super) fn height(&self) -> usize {
        let rule = if self.more.is_empty() { 0 } else { PAD };
        (1 + self.lines.len() + self.more.len()) * LINE + rule + PAD
    }

    pub(super) fn middle(&self) -> usize {
        self.y + self.height() / 2
    }

    pub(super) fn right(&self) -> usize {
        self.x + self.width
    }
}

/// Returns how wide so many characters are.
pub(super) const fn pixels(chars: usize) -> usize {
    (chars * 79).div_ceil(10)
}

pub(super) fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Collects the elements of a drawing.
pub(super) struct Canvas(String);

impl Canvas {
    pub(super) fn new(title: &str, width: usize, height: usize) -> Self {
        let mut canvas = Self(String::new());
        canvas.line(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">"
        ));
        canvas.line(format_args!("<title>{}</title>", escaped(title)));
        canvas.line(format_args!("<style>\n{STYLE}</style>"));
        for id in ["to", "back"] {
            canvas.line(format_args!(
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
                 markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\"><path class=\"{id}\" d=\"M0 0 8 4 0 8z\"/></marker>"
            ));
        }
        canvas.rectangle("ground", [0, 0, width, height]);
        canvas
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{text}");
    }

    fn rectangle(&mut self, class: &str, [x, y, width, height]: [usize; 4]) {
        self.line(format_args!(
            "<rect class=\"{class}\" x=\"{x}.5\" y=\"{y}.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>",
            width.saturating_sub(1),
            height.saturating_sub(1),
        ));
    }

    fn text(&mut self, class: &str, x: usize, y: usize, text: &str) {
        if text.is_empty() {
            return;
        }
        let text = escaped(text);
        self.line(format_args!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>"
        ));
    }

    /// Writes a label, which ends at a place.
    pub(super) fn label(&mut self, x: usize, y: usize, text: &str) {
        self.text("label", x, y, text);
    }

    pub(super) fn card(&mut self, card: &Card) {
        let (x, mut y) = (card.x + PAD, card.y + LINE);
        self.rectangle(card.class, [card.x, card.y, card.width, card.height()]);
        self.text("name", x, y, &card.name);
        self.text("soft", x + pixels(chars(&card.name) + 2), y, &card.remark);
        let value = x + pixels(card.indent());
        for line in &card.lines {
            y += LINE;
            let class = if line.is_virtual { "vip" } else { "" };
            self.text("soft", x, y, &line.key);
            self.text(class, value, y, &line.value);
        }
        if !card.more.is_empty() {
            let (from, to, rule) = (card.x, card.right(), y + PAD);
            self.line(format_args!(
                "<path class=\"rule\" d=\"M{from}.5 {rule}.5H{to}\"/>"
            ));
            y += PAD;
        }
        for line in &card.more {
            y += LINE;
            self.text("", x, y, &line.value);
        }
    }

    /// Draws an arrow along a path; with two ends where answers come back the same way.
    pub(super) fn arrow(&mut self, path: &str, is_two_way: bool, is_idle: bool) {
        let start = if is_two_way {
            " marker-start=\"url(#to)\""
        } else {
            ""
        };
        let idle = if is_idle { " idle" } else { "" };
        self.line(format_args!(
            "<path class=\"link{idle}\" d=\"{path}\"{start} marker-end=\"url(#to)\"/>"
        ));
    }

    /// Draws a part of the way of answers that bypass the director.
    pub(super) fn answer(&mut self, path: &str, is_end: bool) {
        let end = if is_end {
            " marker-end=\"url(#back)\""
        } else {
            ""
        };
        self.line(format_args!("<path class=\"answer\" d=\"{path}\"{end}/>"));
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// Returns text as XML can hold it.
fn escaped(text: &str) -> String {
    let text = escape_line(text).replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}
