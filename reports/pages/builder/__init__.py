"""The catalogue of reports and the builder: parameters as a form, the report as a page, and as a file or a mail."""
