"""The page's charts, drawn by plotly."""
