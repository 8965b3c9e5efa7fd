"""Descriptions by chance: every type, option and relation, names that three languages keep for themselves, and up to 60 fields."""
import random

from projects import throughline

SQL = """all analyse and any array as asc both case cast check collate column constraint create current_date default deferrable desc distinct do
else end except false fetch for foreign from grant group having in initially intersect into lateral leading limit localtime not null offset on only
or order placing primary references returning select session_user some symmetric table then to trailing true union unique user using values variadic
when where window with key value position row type language trigger function data domain role sequence view""".split()
JAVASCRIPT = """arguments await break case catch class const constructor continue debugger delete enum eval export extends finally function
hasOwnProperty if implements import instanceof interface let length name new package private protected prototype public request response return static
store super switch this throw toString try typeof undefined valueOf var void while yield""".split()
SWIFT = """actor associatedtype async body borrowing column consuming count defer deinit description didSet each error extension fallthrough fields
fileprivate first get guard hashValue init inout internal is isOptional item lazy macro mutating next nil number open operator owner path precedencegroup
property protocol repeat rethrows self set sort state struct subscript table text throws try typealias unowned uuid values weak where willSet""".split()
UNICODE = ["größe", "имя", "名前", "été", "naïve", "ñandú", "åäö", "résumé", "ﬁeld", "x̂"]
WORDS = ["title", "dueOn", "is_done", "HTTPServer".lower(), "firstName", "x", "y2", "sortOrder", "limit", "cursor", "aVeryLongNameOfAFieldWithManyWords", "createdBy"]
RESOURCES = """user order group table class function import default person child news sheep series category box bus status address analysis quiz index
key person mouse leaf hero half media actor task application result error data date list page row item event message chat session token test route
controller query response note blogPost orderItem httpServer userRole policy glass photo day life index2 a select protocol extension process thread
job set map object symbol promise number bundle logger logging foundation hummingbird never some anything version migration state path store
string int uuid dateTime guard router health value field model permission newUser userPatch userController testRoutes json url swift testing suite issue
optional sendable bool double dictionary character duration uInt8 fileHandle commandLine byteBuffer responseBody problem configuration database chatPage
throughline auth tokens guardedStore closedRange anyObject stringLiteralType synchronization mutex atomic trait rest app api self init operator""".split()
SIMPLE = ["string", "text", "int", "double", "decimal", "bool", "date", "datetime", "uuid", "json"]
DEFAULTS = {"string": "a b", "text": "", "int": "-3", "double": "0.25", "decimal": "1.50", "bool": "true"}
# What the builder may say to a name or to a pair of them: then there is no such resource, or no such field.
PLURALS = "item body list key patch query request router first found many stringers".split()
REFUSALS = ("needs itself", "already.", "set by the API itself", "there twice", "letters a-z", "small letter", "too long", "where the chat page is")


def field(chance, name, others):
    """One field, as it is written."""
    kind = chance.choice([*SIMPLE, *SIMPLE, "enum", "relation"] if others else [*SIMPLE, "enum"])
    optional = chance.random() < 0.5
    if kind == "relation":
        target, itself = chance.choice(others)
        optional = optional or itself
        rule = chance.choice(["", ":restrict", ":cascade"] + ([":setnull"] if optional else []))
        # A required relation that is unique needs another item each time, which the generated tests make.
        return f"{name}:{target}{'?' if optional else ''}{':unique' if chance.random() < 0.1 else ''}{rule}"
    text = kind
    if kind == "enum":
        values = chance.sample(["open", "done", "in-progress", "case", "default", "class", "null", "true", "x_y", "self", "init", "Type", "none", "some"], 3)
        text = f"enum({','.join(values)})"
    default = values[0] if kind == "enum" else DEFAULTS.get(kind)
    unique = kind not in ("enum", "bool", "text", "json") and chance.random() < 0.2
    line = f"{name}:{text}{'?' if optional else ''}"
    if default is not None and not unique and chance.random() < 0.3:
        line += f"={default}"
    if unique:
        line += ":unique"
    elif kind not in ("text", "json") and chance.random() < 0.2:
        line += ":index"
    return line


def describe(seed, folder, target, database, count=4, options=()):
    """Makes a project of `count` resources; the commands that made it."""
    chance = random.Random(seed)
    throughline("new", "chance", "--target", target, "--database", database, *options, cwd=folder)
    project, commands, known = folder / "chance", [], []
    # The first is of two words: file, address, table and type spell it differently.
    names = [*chance.sample(RESOURCES, len(RESOURCES)), chance.choice(["blogPost", "orderItem", "httpServer", "userRole"])]
    while len(commands) < count and names:
        name = names.pop()
        if any(command[0] == name for command in commands):
            continue
        fields = []
        # A relation to what is called like a type says the name for many.
        called = f"{name}s" if name in SIMPLE else name
        size = 60 if chance.random() < 0.15 else chance.randint(1, 8)
        plural = ["--plural", chance.choice(PLURALS)] if chance.random() < 0.1 else []
        pool = chance.sample(sorted({*SQL, *JAVASCRIPT, *SWIFT, *UNICODE, *WORDS}), size + 10)
        while pool and len(fields) < size:
            fields.append(field(chance, pool.pop(), [*((other, False) for other in known), (plural[1] if plural else called, True)]))
        # A name that is refused goes, and then the next one, if there is one.
        for _ in range(len(fields)):
            result = throughline("generate", "resource", name, *fields, *plural, cwd=project, check=False)
            if result.returncode == 0:
                commands.append([name, *fields, *plural])
                known.append(plural[1] if plural else called)
                break
            assert any(reason in result.stderr for reason in REFUSALS), (seed, name, fields, result.stderr)
            bad = next((line for line in fields if f"‘{line.split(':')[0]}" in result.stderr), None)
            if bad is None:
                break
            fields.remove(bad)
    return project, commands
