"""What comes out of the API of this room, one module per resource. Names once published stay.

The queries stand beside their operations in ``sync.api``. Documents are written straight from rows (see
``sync.api.listing``); these models are what is published about them, and tests hold every answer against them.
"""
