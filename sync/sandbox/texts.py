"""Text that breaks careless programs, as TestIO's testers and customers write it."""

#: Part of every user name, password, access note and address with a password of a test environment. It must never
#: be found outside TestIO: search the database, the logs and the pages for it.
CREDENTIAL_MARKER = "SANDBOX-CREDENTIAL"

#: By name, the most dangerous first: even a small world uses all of them in bugs and the first dozen in test titles.
ODD_TEXTS = {
    "nul": "Coupon\u0000 field accepts a NUL \u0000 character",
    "emoji": "Cart loses 🛒 items 👩‍👩‍👧‍👦 after 🚀 checkout 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "long": "The summary of the order repeats itself without end, " * 12 + "and then stops",
    "right_to_left": "سلة التسوق لا تعمل بعد تسجيل الدخول — עגלת הקניות ריקה",
    "dotted_i": "İstanbul'da ÖDEME İPTAL edildi, ışık ve I",
    "sharp_s": "Straße in GROẞBUCHSTABEN wird zu STRASSE",
    "script": "<script>alert('sandbox')</script>",
    "sql": "'; DROP TABLE sync_bug; --",
    "empty": "",
    "padded": "  \t padded title with a tail   \n",
    "four_byte": "𠜎𠜱𠝹𠱓 𝕋𝕖𝕤𝕥 𝄞 four-byte characters",
    "html": '<img src=x onerror="alert(1)"> <b>bold</b> &amp; &lt;i&gt;not italic&lt;/i&gt;',
    "blank": "   ",
    "direction_override": "invoice\u202efdp.exe opens \u2067instead\u2069",
    "zero_width": "zero\u200bwidth\u200d and \ufeffmarks\u00ad inside",
    "combining": "Cafe\u0301 und Zu\u0308rich, noch einmal Café und Zürich; Z̸̢a̷l̵g̶o̴",
    "lines": "First line\r\nsecond line\rthird\n\n\ttabbed line\u2028separator\u2029end",
    "control": "bell\u0007 escape\u001b[31m red delete\u007f next\u0085line",
    "backslashes": "C:\\temp\\new \\u0000 is six characters, \\x00 four, \\\\ two",
    "quotes": "\"double\" 'single' `back` „deutsch“ «français» “curly”",
    "template": "{{ 7*7 }} {% debug %} ${7*7} %s %(id)d {0} #{7*7}",
    "formula": '=HYPERLINK("http://example.com/?x="&A1,"click")',
    "json": '{"title": null, "id": [1, 2',
    "like": "100%_of\\users' \\_ and %25",
    "ligatures": "ﬁnale Oﬀerte ½ ﷽ Ⅷ ｆｕｌｌｗｉｄｔｈ",
}

ODD = tuple(ODD_TEXTS.values())

#: TestIO's standard sentences for a rejection, by the key of the reason.
REJECTIONS = {
    "device_not_relevant": "This device is not relevant and the bug will not be fixed.",
    "ignored_instructions": "The test instructions were not followed.",
    "intended_behavior": "The behaviour/design described here is intentional.",
    "irrelevant": "This bug is not relevant and will not be fixed.",
    "known_bug": "This is a legit bug but already known.",
    "not_reproducible": "With the information provided it was not possible to reproduce this bug.",
    "request_timeout": "Your bug was rejected automatically, because you didn't respond to the request within 24 hours",
}
REASON_KEYS = tuple(REJECTIONS)

REASON_TITLES = {
    "device_not_relevant": "Device not relevant",
    "ignored_instructions": "Instructions ignored",
    "intended_behavior": "Intended behaviour",
    "irrelevant": "Not relevant",
    "known_bug": "Known bug",
    "not_reproducible": "Not reproducible",
    "request_timeout": "No answer to a request",
}

#: Comments that sound like a rejection sentence and are none.
NEAR_MISSES = (
    "This device is relevant and the bug will be fixed.",
    "The test instructions were followed.",
    "The design described here is beautiful.",
    "This bug is relevant and will be fixed in the next release.",
    "This is a legit bug, thank you!",
    "With the information provided it was possible to reproduce this bug.",
    "Please respond to the request within 24 hours.",
    "not_reproducible",
)


def wrapped(sentence: str, form: int) -> str:
    """A rejection sentence as it stands in a comment: bare, in HTML, escaped, over two lines, or among others."""
    if form == 0:
        return sentence
    if form == 1:
        return f"<p>{sentence}</p>"
    if form == 2:
        return f"Hello,<br/>thank you for the report.<div class='reason'><p>{sentence}</p></div><p>Best regards</p>"
    if form == 3:
        return f"<p>{sentence.replace(chr(39), '&#39;')}&nbsp;</p>"
    if form == 4:
        head, _, tail = sentence.partition(" not ")
        return f"{head} not\n  {tail}" if tail else f"\n{sentence}\n"
    return f"Thanks for testing! {sentence} We look forward to your next report."
