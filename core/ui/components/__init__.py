"""Parts of pages with HTML, CSS and JavaScript of their own."""
