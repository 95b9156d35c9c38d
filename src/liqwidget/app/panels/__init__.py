"""The panels beside the heatmap, drawn by Bokeh."""
