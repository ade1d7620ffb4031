// The admin's htmx would add a style element to each page, which the content policy forbids; nothing here needs it.
"use strict";
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
htmx.config.selfRequestsOnly = true;
