"""The commands of the builder: what they write, what they refuse, and what they take back."""
import hashlib
import json
import os

import pytest

import projects
from projects import throughline


@pytest.fixture
def folder(tmp_path):
    throughline("new", "shop", "--target", "express", "--database", "postgres", cwd=tmp_path)
    return tmp_path / "shop"


def tree(folder):
    """The contents of all files, by their paths."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file()}


def generate(folder, *arguments, **options):
    return throughline("generate", "resource", *arguments, cwd=folder, **options)


@pytest.mark.parametrize("arguments, message", [
    (["user", "name"], "has no type"),
    (["user", "name:strng"], "Did you mean string?"),
    (["user", "name:"], "no type"),
    (["user", "name:string[]"], "no type"),
    (["user", "id:string"], "set by the API itself"),
    (["user", "createdAt:datetime"], "set by the API itself"),
    (["user", "updated_at:datetime"], "set by the API itself"),
    (["user", "version:int"], "set by the API itself"),
    (["user", "name:string", "name:text"], "there twice"),
    (["user", "dueOn:date", "due_on:date"], "there twice"),
    (["user", "owner:accounts"], "no resource"),
    (["user", "parent:users"], "has to be optional"),
    (["user", "role:enum()"], "different names"),
    (["user", "role:enum(a,a)"], "different names"),
    (["user", "role:enum(a b)"], "different names"),
    (["user", "role:enum(a"], "quotes"),
    (["user", "role:enum(a,b)=c"], "cannot be the default"),
    (["user", "age:int=x"], "cannot be the default"),
    (["user", "notes:text:unique"], "neither unique nor indexed"),
    (["user", "isDone:bool:unique"], "a few items"),
    (["user", "name:string=x:unique"], "a default"),
    (["user", "name:string:cascade"], "no relation"),
    (["user", "Name:string"], "small letter"),
    (["user", "a-b c:string"], "small letter"),
    (["user", "1st:string"], "small letter"),
    (["user", "name:string'"], "no type"),
    (["größe", "name:string"], "letters a-z"),
    (["user", "name:string", "--plural", "health"], "needs itself"),
    (["migration", "name:string"], "needs itself"),
    (["user", "x" * 70 + ":string"], "bytes"),
    (["user"], "Missing expected argument"),
])
def test_what_makes_no_sense_is_refused_before_anything_is_written(folder, arguments, message):
    before = tree(folder)
    result = generate(folder, *arguments, check=False)
    assert result.returncode in (1, 2) and message in result.stderr, result.stderr
    assert tree(folder) == before


def test_a_project_needs_a_good_name_and_an_empty_folder(tmp_path):
    for name in ("Shop", "1shop", "a/b", "../x", ""):
        assert throughline("new", name, cwd=tmp_path, check=False).returncode != 0
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").write_text("mine")
    result = throughline("new", "taken", cwd=tmp_path, check=False)
    assert result.returncode == 1 and "not empty" in result.stderr
    assert throughline("routes", cwd=tmp_path, check=False).returncode == 2


def test_a_dry_run_shows_the_difference_and_writes_nothing(folder):
    before = tree(folder)
    result = generate(folder, "user", "name:string", "--dry-run")
    assert "+++ src/routes/users.js" in result.stdout and "+  router.get('/users', users.list);" in result.stdout
    assert tree(folder) == before


def test_generating_again_writes_nothing(folder):
    generate(folder, "user", "name:string")
    before = tree(folder)
    assert "Nothing to change" in generate(folder, "user", "name:string").stdout
    assert "Nothing to change" in throughline("generate", "project", cwd=folder).stdout
    assert tree(folder) == before


def test_undo_brings_back_what_was_there(folder):
    empty = tree(folder)
    generate(folder, "user", "name:string")
    first = tree(folder)
    generate(folder, "user", "name:string", "age:int?")
    assert "Undone" in throughline("undo", cwd=folder).stdout
    assert tree(folder) == first
    throughline("undo", cwd=folder)
    assert tree(folder) == empty


def test_undo_leaves_what_was_edited_since(folder):
    generate(folder, "user", "name:string")
    controller = folder / "src/controllers/users.js"
    controller.write_text(controller.read_text() + "// mine\n")
    before = tree(folder)
    result = throughline("undo", cwd=folder, check=False)
    assert result.returncode == 1 and "src/controllers/users.js" in result.stderr
    assert tree(folder) == before


def test_destroy_takes_everything_away_but_edits(folder):
    empty = {path for path in tree(folder)}
    generate(folder, "user", "name:string")
    controller = folder / "src/controllers/users.js"
    original = controller.read_text()
    controller.write_text(original + "// mine\n")
    before = tree(folder)
    refused = throughline("destroy", "resource", "user", cwd=folder, check=False)
    assert refused.returncode == 1 and "src/controllers/users.js" in refused.stderr
    assert tree(folder) == before
    controller.write_text(original)
    throughline("destroy", "resource", "users", cwd=folder)
    left = {path for path in tree(folder) if not path.startswith((".throughline", "migrations"))}
    assert left == {path for path in empty if not path.startswith((".throughline", "migrations"))}
    assert "DROP TABLE \"users\"" in (folder / "migrations/0003_drop_users.up.sql").read_text()
    assert "users" not in (folder / "src/app.js").read_text()


def test_what_is_referred_to_is_not_destroyed(folder):
    generate(folder, "user", "name:string")
    generate(folder, "project", "title:string", "owner:users")
    result = throughline("destroy", "resource", "user", cwd=folder, check=False)
    assert result.returncode == 2 and "Destroy project first" in result.stderr


def test_edits_survive_new_fields_changed_fields_and_removed_fields(folder):
    generate(folder, "user", "name:string", "age:int?", "role:enum(a,b)")
    generated = [path for path in tree(folder) if path.startswith(("src/", "test/")) and "rest/" not in path]
    for path in generated:
        file = folder / path
        file.write_text(f"// Mine, at the top of {path}.\n{file.read_text()}\n// Mine, at the end.\n")
    for fields in (["name:string", "age:int?", "role:enum(a,b)", "email:string?"], ["name:string", "role:enum(a,b,c)", "email:string?"],
                   ["fullName:string", "role:enum(a,b,c)", "email:string?:unique"]):
        result = generate(folder, "user", *fields)
        assert "conflict" not in result.stdout
        for path in generated:
            text = (folder / path).read_text()
            assert text.startswith("// Mine, at the top") and text.endswith("// Mine, at the end.\n"), path
        model = (folder / "src/models/user.js").read_text()
        for field in fields:
            assert f"  {field.split(':')[0]}: {{" in model
        assert model.count("{ type:") == len(fields)


@pytest.mark.parametrize("target", ["express", "hummingbird"])
def test_edits_in_every_file_survive_added_renamed_and_removed_fields(tmp_path, target):
    fields = ["role:enum(a,b)", "level:int?", "name:string", "age:int?", "rank:int?"]
    folder = projects.make_project(tmp_path, target, "postgres", [("user", *fields)], options=["--auth", "jwt", "--sessions"])
    generated = sorted(path for path in tree(folder / ".throughline/base") if path != "throughline.json")
    assert len(generated) > 40
    marks = {path: edit(folder / path) for path in generated}
    steps = [
        ["role:enum(a,b)", "level:int?", "name:string", "age:int?", "rank:int?", "email:string?"],
        ["role:enum(a,b)", "level:int?", "fullName:string", "age:int?", "rank:int?", "email:string?", "--rename", "name:fullName"],
        ["role:enum(a,b)", "level:int?", "fullName:string", "email:string?"],
    ]
    for step in steps:
        result = generate(folder, "user", *step)
        assert "conflict" not in result.stdout
        for path, mark in marks.items():
            text = (folder / path).read_text()
            assert all(line in text for line in mark), (path, mark, text)
        assert "agree" in throughline("check", cwd=folder).stdout
    ups = sorted(path.name for path in (folder / "migrations").glob("*.up.sql"))
    assert ups[-3:] == ["0004_change_users.up.sql", "0005_change_users.up.sql", "0006_change_users.up.sql"]
    assert 'RENAME COLUMN "name" TO "full_name"' in (folder / "migrations/0005_change_users.up.sql").read_text()
    if target == "express":
        result = projects.API(folder, target).run("--test", "test/users.test.js", "test/throughline.test.js")
        assert "# fail 0" in result.stdout


def edit(file):
    """Writes something into a generated file, here and there; what has to be found in it from now on."""
    text = file.read_text()
    if file.suffix == ".json":
        old, new = {
            "package.json": ('"version": "0.1.0"', '"version": "7.0.0"'), "openapi.json": ('"version": "0.1.0"', '"version": "7.0.0"'),
            "postman_collection.json": ('"name": "shop"', '"name": "my shop"'),
        }.get(file.name, ('"role": "b"' if "role" in text else '"title": "Title 2"', '"mine": true'))
        assert old in text, file
        file.write_text(text.replace(old, new, 1))
        return [new]
    begin, end = {".md": ("<!--", " -->"), ".html": ("<!--", " -->")}.get(
        file.suffix, ("//", "") if file.suffix in (".js", ".swift", ".modulemap", ".h") else ("#", ""))
    marks = [f"{begin} Mine: {place}.{end}" for place in ("near the top", "in between", "at the end")]
    lines = text.splitlines()
    # Behind the first line, which may have to be the first; behind the first empty line; and at the end.
    between = lines.index("") + 1 if "" in lines else len(lines)
    lines = [lines[0], marks[0], *lines[1:between], marks[1], *lines[between:], marks[2]]
    file.write_text("\n".join(lines) + "\n")
    return marks


def test_a_rename_has_to_make_sense(folder):
    generate(folder, "user", "name:string", "age:int?")
    controller = folder / "src/controllers/users.js"
    controller.write_text(controller.read_text() + "// It sorts by name.\n")
    before = tree(folder)
    for arguments, message in (
        (["fullName:string", "--rename", "name"], "no new name"), (["fullName:string", "--rename", "nam:fullName"], "no field ‘nam’"),
        (["fullName:string", "--rename", "name:fulName"], "not among the fields"),
        (["name:string", "fullName:string", "--rename", "name:fullName"], "is among the fields still"),
        (["age:int?", "--rename", "name:age"], "is a field ‘age’ already"),
    ):
        result = generate(folder, "user", *arguments, check=False)
        assert result.returncode == 2 and message in result.stderr, result.stderr
    result = generate(folder, "task", "title:string", "--rename", "a:title", check=False)
    assert result.returncode == 2 and "task is new" in result.stderr
    assert tree(folder) == before
    assert "‘name’ is said still in: src/controllers/users.js" in generate(
        folder, "user", "fullName:string", "age:int?", "--rename", "name:fullName").stdout


def test_a_conflict_is_marked_and_loses_nothing(folder):
    generate(folder, "user", "name:string")
    model = folder / "src/models/user.js"
    model.write_text(model.read_text().replace("{ type: 'string' }", "{ type: 'string', mine: true }"))
    result = generate(folder, "user", "name:text", check=False)
    assert result.returncode == 1 and "src/models/user.js" in result.stderr and "undo" in result.stderr
    text = model.read_text()
    for line in ("<<<<<<< yours", "mine: true", "=======", "{ type: 'text' }", ">>>>>>> throughline"):
        assert line in text
    throughline("undo", cwd=folder)
    assert "mine: true" in model.read_text() and "<<<<" not in model.read_text()


def test_a_template_of_the_project_s_own_is_used(folder):
    template = folder / ".throughline/templates/express/src/routes/resource.js.template"
    template.parent.mkdir(parents=True)
    template.write_text("// {{pluralWords}}{{#fields}} {{name}}{{/fields}}\n")
    generate(folder, "blogPost", "title:string", "body:text")
    assert (folder / "src/routes/blog-posts.js").read_text() == "// blog posts title body\n"
    template.write_text("{{#fields}}\n{{nothing}}\n{{/fields}}\n")
    before = tree(folder)
    result = throughline("generate", "project", cwd=folder, check=False)
    assert result.returncode == 2 and "resource.js.template:2" in result.stderr and "nothing" in result.stderr
    assert tree(folder) == before


def test_the_description_may_be_edited_by_hand(folder):
    generate(folder, "user", "name:string")
    file = folder / "throughline.json"
    description = json.loads(file.read_text())
    description["resources"][0]["fields"].append("age:int?")
    file.write_text(json.dumps(description))
    throughline("generate", "project", cwd=folder)
    assert "age:" in (folder / "src/models/user.js").read_text()
    assert 'ADD COLUMN "age" bigint' in (folder / "migrations/0003_change_users.up.sql").read_text()
    file.write_text("{")
    result = throughline("generate", "project", cwd=folder, check=False)
    assert result.returncode == 2 and "throughline.json" in result.stderr


def test_names_are_spelled_as_each_place_needs(folder):
    generate(folder, "blogPost", "publishedOn:date?", "is_done:bool=false")
    generate(folder, "people", "name:string")
    generate(folder, "category", "name:string", "parent:categories?:setnull")
    assert "router.get('/blog-posts/:id', blogPosts.get)" in (folder / "src/routes/blog-posts.js").read_text()
    model = (folder / "src/models/blog-post.js").read_text()
    assert "export const BlogPost" in model and "publishedOn: { type: 'date', column: 'published_on', optional: true }" in model
    assert "isDone: { type: 'bool', column: 'is_done', default: false }" in model
    assert (folder / "src/models/person.js").exists() and (folder / "src/routes/people.js").exists()
    assert "to: 'categories', onDelete: 'setnull'" in (folder / "src/models/category.js").read_text()


@pytest.mark.parametrize("target, routes", [("express", "src/routes/errors.js"), ("hummingbird", "Sources/App/Routes/ErrorItemRoutes.swift")])
def test_a_name_that_is_a_type_s_gets_another_type_and_the_same_addresses(tmp_path, target, routes):
    folder = projects.make_project(tmp_path, target, "memory", [("error", "type:enum(self,any)", "error:errors?")])
    assert "/errors/{id}" in throughline("routes", cwd=folder).stdout and (folder / routes).exists()
    assert "ErrorItem" in json.loads((folder / "openapi.json").read_text())["components"]["schemas"]
    assert "agree" in throughline("check", cwd=folder).stdout
    refused = generate(folder, "errorItem", "name:string", check=False)
    assert refused.returncode == 2 and "ErrorItem already" in refused.stderr


def test_a_plural_of_one_s_own_is_known_from_then_on(tmp_path):
    folder = projects.make_project(tmp_path, "express", "postgres", [("cactus", "name:string", "--plural", "cacti")])
    generate(folder, "pot", "plant:cactus", "other:cacti?:setnull")
    generate(folder, "cactus", "name:string", "spines:int?")
    assert "/cacti/{id}" in throughline("routes", cwd=folder).stdout
    assert (folder / "src/models/pot.js").read_text().count("to: 'cacti'") == 2
    assert 'ALTER TABLE "cacti" ADD COLUMN "spines"' in (folder / "migrations/0004_change_cacti.up.sql").read_text()
    assert "agree" in throughline("check", cwd=folder).stdout
    throughline("destroy", "resource", "pot", cwd=folder)
    refused = generate(folder, "cactus", "name:string", "--plural", "cactuses", check=False)
    assert refused.returncode == 1 and "called cacti" in refused.stderr


def test_a_resource_may_be_called_almost_like_a_type(folder):
    generate(folder, "test", "name:string")
    generate(folder, "result", "of:test:cascade")
    assert "to: 'tests'" in (folder / "src/models/result.js").read_text()


def test_nothing_is_asked_without_a_terminal(tmp_path):
    result = throughline("new", cwd=tmp_path, check=False, stdin=open(os.devnull))
    assert result.returncode == 2 and "needs a name" in result.stderr


def test_routes_are_read_from_the_route_files(folder):
    generate(folder, "user", "name:string")
    lines = throughline("routes", cwd=folder).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["GET", "/health", "health.show"], ["GET", "/users", "users.list"], ["GET", "/users/{id}", "users.get"],
        ["POST", "/users", "users.create"], ["PATCH", "/users/{id}", "users.update"], ["DELETE", "/users/{id}", "users.remove"]]


@pytest.mark.parametrize("target, routes, line", [
    ("express", "src/routes/users.js", "  router.put('/users/:id', (request, response) => response.end());"),
    ("hummingbird", "Sources/App/Routes/UserRoutes.swift", '        router.put("/users/:id") { _, _ in "done" }'),
])
def test_check_finds_what_has_come_apart(tmp_path, target, routes, line):
    throughline("new", "shop", "--target", target, cwd=tmp_path)
    folder = tmp_path / "shop"
    generate(folder, "user", "name:string")
    assert "agree" in throughline("check", cwd=folder).stdout

    def findings():
        result = throughline("check", cwd=folder, check=False)
        assert result.returncode == 1
        return result.stdout

    file = folder / routes
    good = file.read_text()
    place = good.index("router.post")
    start = good.rindex("\n", 0, place) + 1
    file.write_text(good[:start] + line + "\n" + good[start:])
    assert f"{routes}:" in findings() and "only verb, path and handler" in findings()
    file.write_text("".join(kept for kept in good.splitlines(keepends=True) if "patch" not in kept))
    assert "openapi.json: there is no route PATCH /users/{id}." in findings()
    file.write_text(good)
    (folder / "README.md").write_text("<<<<<<< yours\n")
    assert "README.md: a conflict is left" in findings()
    (folder / "README.md").unlink()
    assert "README.md: it is missing" in findings()
    description = folder / "throughline.json"
    description.write_text(description.read_text().replace("name:string", "name:text"))
    assert "throughline.json says otherwise" in findings()


def test_the_generated_tests_pass(workshop, postgres):
    project = projects.make_project(workshop / "own-tests", "express", "postgres")
    api = projects.API(project, "express", DATABASE_URL=postgres.create_database("own"))
    api.migrate()
    api.settings["TEST_DATABASE_URL"] = api.settings["DATABASE_URL"]
    result = api.run("--test", *sorted(str(path) for path in (project / "test").glob("*.test.js")), timeout=300)
    assert "# fail 0" in result.stdout and "# pass " in result.stdout and "on postgres" in result.stdout


@pytest.mark.skipif("hummingbird-postgres" not in projects.GUARDED_TARGETS, reason="it costs a build: REST_GUARDED asks for it")
def test_the_generated_tests_of_a_swift_project_pass(guarded_swift_project, postgres):
    projects.build_swift(guarded_swift_project, "--build-tests")
    api = projects.API(guarded_swift_project, "hummingbird", DATABASE_URL=postgres.create_database("own-swift"))
    api.migrate()
    projects.run_swift_tests(guarded_swift_project, "shop", api.settings["DATABASE_URL"])


def test_seeds_are_there_once(workshop, postgres):
    project = projects.make_project(workshop / "seeds", "express", "postgres")
    url = postgres.create_database("seeds")
    api = projects.API(project, "express", DATABASE_URL=url)
    api.migrate()
    for _ in range(2):
        api.run("src/seed.js")
    assert postgres.sql("seeds", "SELECT count(*) FROM users") == "2\n"
    assert postgres.sql("seeds", "SELECT count(*) FROM projects") == "2\n"
