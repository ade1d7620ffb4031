"""Ordinary words of the sandbox: products, features, and what testers write about them."""

PRODUCTS = (
    ("Nordwind Shop", "website", "The web shop of Nordwind, for shoes and outdoor clothing in eleven countries."),
    ("Nordwind for iOS", "mobile_app_ios", "The shop as an app, with the loyalty card."),
    ("Warenkorb & Größe 🛒", "mobile_app_android", "<p>Android app with <b>size adviser</b>.</p>"),
    ("Flugfreund Booking", "website", None),
    ("Kinoloft Streaming", "streaming_app", "Films and series on television sets, consoles and phones."),
    ("متجر الواحة", "website", "متجر إلكتروني للحرف اليدوية"),
    ("  Paleta Games ", "gaming", ""),
    ("Medi Diary", "mobile_app_ios", "A diary for patients and their doctors."),
    ("Stadtwerke Portal", "website", "Meters, invoices and tariffs."),
    ("İstanbul Kart", "mobile_app_android", "Transport card with top-up."),
    ("Lernwerk Desktop", "mobile_app_windows", "Learning software for schools."),
    ("Bank am Fluß", "mobile_app_ios", "Accounts, cards, transfers."),
)

FEATURES = (
    ("Sign-up and sign-in", "Accounts, passwords and sign-in with a passkey.", "Top right of every page"),
    ("Product search", "Free text search with suggestions.", "The magnifying glass in the header"),
    ("Filters and sorting", "Narrowing a list by size, colour and price.", "Left of every list"),
    ("Product page", "Pictures, sizes, delivery times.", "Open any product"),
    ("Wish list", "Keeping products for later.", "The heart beside a product"),
    ("Shopping cart", "Adding, changing and removing items.", "Navigate to the cart"),
    ("Discount codes", "Coupons in the cart and at the checkout.", "Below the list of items in the cart"),
    ("Checkout", "Address, delivery and payment in three steps.", "Proceed from the cart"),
    ("Payment", "Card, invoice, instalments.", "Third step of the checkout"),
    ("Order confirmation", "The page and the mail after an order.", None),
    ("Order history", "Past orders, invoices, buying again.", "Account, then Orders"),
    ("Returns", "Return labels and refunds.", "Order history, then Return"),
    ("Account settings", "Profile, addresses, deleting the account.", "Account, then Settings"),
    ("Notifications", "Mail and push settings.", "Account, then Notifications"),
    ("Language and region", "Switching language, currency and country.", "The globe in the footer"),
    ("Store finder", "Shops nearby on a map.", "Footer, then Shops"),
    ("Reviews and ratings", "Reading and writing reviews.", "Bottom of the product page"),
    ("Customer service chat", "Chat with a person or a program.", "The bubble at the bottom right"),
    ("Newsletter", "Subscribing and leaving.", ""),
    ("Accessibility", "Use by keyboard and screen reader.", "Everywhere"),
    ("Offline mode", "What still works without a network.", "Switch on flight mode"),
    ("Dark mode", "Colours at night.", "Settings, then Appearance"),
    ("Gift cards", "Buying and redeeming gift cards.", "Menu, then Gifts"),
    ("Legacy basket", "The old cart, replaced in spring.", None),
    ("Pilot: size adviser", "An experiment that has ended.", "Product page, below the sizes"),
)

SECTIONS = ("Web", "Checkout team", "Growth team")

STORIES = (
    "As a customer, I want to add items to my cart so that I can buy them together.",
    "As a customer, I want to remove items if I change my mind.",
    "As a guest, I can finish the task without an account.",
    "As a returning user, I find my last settings again.",
    "As a user with a screen reader, I hear what has changed on the page.",
    "A user can apply a discount code and sees the new total at once.",
    "A user can leave at any step and come back without losing data.",
    "When the network fails, the user is told what happened and what to do.",
)

TEST_KINDS = ("Regression of", "Release check:", "Exploration of", "Payment round:", "Weekly look at", "Launch test,")
GOALS = (
    "Find out whether new customers get through without help.",
    "Make sure that nothing that worked in the last release is broken now.",
    "Check the flow on older phones and small screens.",
    "Look for wrong prices, wrong texts and dead ends.",
)
INSTRUCTIONS = (
    "Use the test account from the environment. Do not place real orders.",
    "Report each problem once, with a screen recording.",
    "Keep the browser's console open and attach what it says.",
    "Please follow the steps in the features before you explore freely.",
)
OUT_OF_SCOPE = (
    "The payment provider's own pages.",
    "Performance and load times.",
    "Known problems in the attached list.",
    "Everything behind the customer service login.",
)

PLACES = (
    "Cart",
    "Checkout",
    "Search",
    "Product page",
    "Sign-in",
    "Wish list",
    "Filters",
    "Account",
    "Order history",
    "Map",
    "Chat",
    "Footer",
    "Header",
    "Payment",
    "Newsletter",
    "Settings",
)
PROBLEMS = (
    "total is not updated after removing an item",
    "button does nothing on the second tap",
    "error message stays after the field was corrected",
    "page scrolls to the top after every change",
    "text overlaps the price on small screens",
    "spinner never ends when the network is slow",
    "entered address is lost after going back",
    "wrong currency is shown after switching the country",
    "pictures are missing until the page is reloaded",
    "keyboard covers the field being typed in",
    "discount is applied twice",
    "focus jumps to the menu with a screen reader",
    "list shows the same product twice",
    "date is shown in the wrong format",
    "session ends without warning",
    "translation is missing in German",
)
ACTUAL = (
    "The page shows the old value until it is reloaded, and the order is then placed with the wrong amount.",
    "Nothing happens. The console shows an unhandled promise rejection from the bundle of the current release.",
    "The message stays on the screen and covers the button, so that one cannot go on without rotating the phone.",
    "All fields are empty again after going back, including the ones that had been filled in automatically.",
    "The request is answered with an error after about thirty seconds, and the interface does not mention it.",
    "The element is drawn outside the visible area; only a part of it can be tapped, on the very edge.",
    "The user is signed out and finds an empty cart after signing in again, although items had been saved.",
    "The price changes from one step to the next without any explanation, and so does the estimated delivery date.",
)
EXPECTED = (
    "The value is updated at once and stays the same through all the steps that follow.",
    "The action is carried out, or the user is told why it cannot be and what to do instead.",
    "The message disappears as soon as the entry is valid.",
    "Everything that was entered is still there after going back.",
    "The interface stays usable while it waits and says so when the connection is slow.",
    "The element is fully visible and can be reached with one hand.",
    "The cart is kept for the signed-in user on all devices.",
    "The same price is shown from the product page to the confirmation.",
)
STEPS = (
    "Open the start page and accept the cookies.",
    "Sign in with the account from the instructions.",
    "Search for any product and open the first result.",
    "Choose a size and a colour and add the product to the cart.",
    "Change the quantity to two and go to the checkout.",
    "Enter an address in another country and go on.",
    "Go back with the browser's button and look at the cart.",
    "Apply the discount code from the instructions and wait for the total.",
    "Rotate the device twice while the page is loading.",
    "Switch the network off, tap the button, and switch it on again.",
    "Repeat the last two steps in a private window.",
    "Compare the total with the sum of the items.",
)
COMMENTS = (
    "Could you add the device log, please?",
    "The log is attached now, it happened again at the second try.",
    "Seen here as well, on another device with the same system version.",
    "We have passed this on to the team, thank you.",
    "Is this still there in the current build?",
    "<p>Yes, still there in the build of <b>today</b>.</p>",
)
TRANSCRIPT = (
    "User opens the app. Assistant: Hello, how can I help? User: I want to return an order. "
    "Assistant: Which order is it about? User: The last one, the blue jacket. Assistant: I have found it. "
    "Would you like a label by mail? User: Yes. Assistant: It is on its way. User waits two minutes, no mail arrives. "
)
FIRST_NAMES = (
    "anna", "bilal", "carla", "dmitri", "elif", "femi", "greta", "hugo", "ines", "jonas",
    "kenji", "lucia", "mehmet", "nora", "oskar", "priya", "quentin", "rosa", "samir", "tereza",
    "ugur", "vera", "wiktor", "xenia", "yusuf", "zoe",
)  # fmt: skip
LAST_NAMES = (
    "abbas", "berger", "costa", "duarte", "endo", "fischer", "garcia", "hansen", "ivanov", "jansen",
    "keller", "lopez", "moreau", "nowak", "okafor", "petrov", "quist", "rossi", "silva", "tanaka",
)  # fmt: skip

#: Names that people really give themselves, or try to.
ODD_NAMES = (
    "İlker Öztürk",
    "Jürgen Groß",
    "🦊 foxtester",
    "محمد العربي",
    "O'Brien-Smith; --",
    "<b>bold tester</b>",
    "  padded tester ",
    "ANNA.ABBAS",
    "nul\u0000tester",
    "a_very_long_name_" + "x" * 280,
)
#: A customer's colleague who also tests: one person, two roles.
BOTH_ROLES = "mara.both"
