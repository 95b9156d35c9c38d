"""How a result looks: a sentence, a table and a drawing, described once, drawn as SVG or as a Bokeh figure."""
