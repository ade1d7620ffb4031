"""Operating systems, browsers and devices: what tests ask for and bugs were seen on."""

from sync.sandbox.records import Json

CATEGORIES = (
    {"id": 1, "key": "computers", "name": "Computers"},
    {"id": 2, "key": "smartphones", "name": "Smartphones"},
    {"id": 3, "key": "tablets", "name": "Tablets"},
    {"id": 4, "key": "streaming_devices", "name": "Streaming devices"},
)

# (category, operating system id, key, name, versions, browsers)
_SYSTEMS = (
    (0, 11, "windows", "Windows", ("10", "11"), ((1, "Chrome"), (2, "Firefox"), (4, "Edge"))),
    (0, 12, "macos", "macOS", ("13.6", "14.5", "15.1"), ((3, "Safari"), (1, "Chrome"))),
    (1, 13, "ios", "iOS", ("16.7", "17.5", "18.1"), ((3, "Safari"),)),
    (1, 14, "android", "Android", ("12", "13", "14", "15"), ((1, "Chrome"), (5, "Samsung Internet"))),
    (2, 15, "ipados", "iPadOS", ("17.5", "18.1"), ((3, "Safari"),)),
    (2, 14, "android", "Android", ("13", "14"), ((1, "Chrome"),)),
    (3, 16, "tvos", "tvOS", ("17.4", "18.0"), ()),
    (0, 17, "linux", "Linux", ("6.8",), ((2, "Firefox"),)),
)
_MODELS = (
    ("ThinkPad X1", "Surface Laptop 5", "Custom-built PC"),
    ("MacBook Air M2", "iMac 24"),
    ("iPhone 13", "iPhone 15 Pro", "iPhone SE (2022)"),
    ("Galaxy S23", "Pixel 8", "Xiaomi Redmi Note 12", "Fairphone 5"),
    ("iPad Air (5th generation)", "iPad mini"),
    ("Galaxy Tab S9",),
    ("Apple TV 4K",),
    ("Framework Laptop 13",),
)


def requirement(bits: int) -> Json:
    """One line of a test's device requirements; one in eleven names a category without an operating system."""
    number = bits % len(_SYSTEMS)
    category, system_id, key, name, versions, browsers = _SYSTEMS[number]
    any_system = bits % 11 == 0
    return {
        "category": CATEGORIES[category],
        "operating_system": None if any_system else {"id": system_id, "key": key, "name": name},
        "min_operating_system_version": None
        if any_system or bits & 256
        else {"id": system_id * 10, "name": versions[0]},
        "max_operating_system_version": {"id": system_id * 10 + 9, "name": versions[-1]} if bits & 512 else None,
        "browsers": [{"id": browser_id, "name": browser} for browser_id, browser in browsers],
        "devices": [{"id": 900 + number * 10 + i, "name": model} for i, model in enumerate(_MODELS[number])]
        if bits & 1024
        else [],
    }


def _device(number: int, variant: int) -> Json:
    category, system_id, key, name, versions, browsers = _SYSTEMS[number]
    models = _MODELS[number]
    model = variant % len(models)
    version = variant % len(versions)
    return {
        "device": {"id": 900 + number * 10 + model, "name": models[model]},
        "category": CATEGORIES[category],
        "operating_system": {"id": system_id, "key": key, "name": name},
        "operating_system_version": {"id": system_id * 10 + version, "name": versions[version]},
        "browsers": [
            {"id": browser_id, "name": browser, "version": f"{120 + variant}.0"} for browser_id, browser in browsers[:1]
        ],
    }


# Ready-made, because half a million bugs share them. Nobody may change one.
_DEVICES = tuple(_device(number, variant) for number in range(len(_SYSTEMS)) for variant in range(12))
_BARE_DEVICE: Json = {"device": None, "category": CATEGORIES[1], "operating_system": None, "browsers": None}


def bug_devices(bits: int) -> list[Json]:
    """The devices a bug was seen on: mostly one, sometimes two or none, now and then one that says nothing."""
    kind = bits & 31
    if kind == 0:
        return []
    first = _DEVICES[(bits >> 5) % len(_DEVICES)]
    if kind == 1:
        return [_BARE_DEVICE, first]
    if kind < 5:
        return [first, _DEVICES[(bits >> 13) % len(_DEVICES)]]
    return [first]
