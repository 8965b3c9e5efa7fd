"""What a change of fields does to the database, and to the items that are there."""
import httpx

import projects
from projects import throughline


def test_items_survive_changes_of_their_fields_up_and_down(workshop, postgres):
    fields = ["name:string", "age:int?", "role:enum(a,b)=a"]
    project = projects.make_project(workshop / "migrations", "express", "postgres", [("user", *fields)])
    api = projects.API(project, "express", DATABASE_URL=postgres.create_database("changes"))
    api.migrate()
    insert = ("INSERT INTO users (id, version, created_at, updated_at, name, age, role) VALUES "
              "(gen_random_uuid(), 1, now(), now(), 'Ada', 36, 'a'), (gen_random_uuid(), 1, now(), now(), 'Grace', NULL, 'b')")
    postgres.sql("changes", insert)
    before = schema(postgres)
    changes = [
        ["name:string", "age:int?", "role:enum(a,b,c)=c", "email:string?:unique", "order:int=5"],
        ["name:text", "age:int=0", "role:enum(a,b,c)", "isDone:bool"],
        ["name:string:index", "age:double?", "owner:users?:setnull"],
    ]
    for changed in changes:
        throughline("generate", "resource", "user", *changed, cwd=project)
        api.migrate()
        assert postgres.sql("changes", "SELECT name FROM users ORDER BY name") == "Ada\nGrace\n"
    assert postgres.sql("changes", "SELECT age FROM users ORDER BY name") == "36\n0\n"
    for _ in changes:
        api.migrate("down")
    assert schema(postgres) == before
    assert postgres.sql("changes", "SELECT name, age FROM users ORDER BY name") == "Ada|36\nGrace|0\n"
    # A migration that was taken back runs again.
    api.migrate()
    assert "pending" not in api.migrate("status").stdout


def test_a_field_with_a_new_name_keeps_what_it_holds_up_and_down(workshop, postgres):
    fields = ["name:string:unique", "rank:int?:index", "role:enum(a,b)=a", "boss:users?:setnull", "order:text?"]
    project = projects.make_project(workshop / "renames", "express", "postgres", [("user", *fields)])
    api = projects.API(project, "express", DATABASE_URL=postgres.create_database("changes"))
    api.migrate()
    postgres.sql("changes", "INSERT INTO users (id, version, created_at, updated_at, name, rank, role, boss_id, \"order\") VALUES "
                 "('00000000-0000-4000-8000-000000000001', 1, now(), now(), 'Ada', 1, 'a', NULL, 'x'), "
                 "('00000000-0000-4000-8000-000000000002', 1, now(), now(), 'Grace', NULL, 'b', '00000000-0000-4000-8000-000000000001', NULL)")
    before = schema(postgres)
    # Names change, and with them a type, a rule and what is required.
    renamed = ["fullName:string:unique", "grade:double=0:index", "kind:enum(a,b,c)=a", "manager:users?:setnull", "größe:text?"]
    throughline("generate", "resource", "user", *renamed, "--rename", "name:fullName", "--rename", "rank:grade", "--rename", "role:kind",
                "--rename", "boss:manager", "--rename", "order:größe", cwd=project)
    api.migrate()
    assert postgres.sql("changes", 'SELECT full_name, grade, kind, manager_id IS NULL, "größe" FROM users ORDER BY full_name') == (
        "Ada|1|a|t|x\nGrace|0|b|f|\n")
    after = schema(postgres)
    for name in ("users_full_name_key", "users_grade_index", "users_kind_check", "users_manager_id_fkey"):
        assert name in after
    for name in ("users_name_key", "users_rank_index", "users_role_check", "users_boss_id_fkey"):
        assert name in before and name not in after
    api.start()
    try:
        with httpx.Client(base_url=api.url) as client:
            user = client.get("/users?fullName=Grace").json()[0]
            assert client.post("/users", json={"fullName": "Grace"}).json()["errors"][0]["pointer"] == "/fullName"
            assert client.patch(f"/users/{user['id']}", json={"kind": "c", "größe": "y"}).json()["kind"] == "c"
            client.patch(f"/users/{user['id']}", json={"kind": "b"})
    finally:
        assert api.stop() == 0
    api.migrate("down")
    assert schema(postgres) == before
    assert postgres.sql("changes", 'SELECT name, role, boss_id IS NULL, "order" FROM users ORDER BY name') == "Ada|a|t|x\nGrace|b|f|y\n"


def test_a_migration_that_was_edited_after_it_ran_is_refused(workshop, postgres):
    project = projects.make_project(workshop / "edited", "express", "postgres", [("user", "name:string")])
    api = projects.API(project, "express", DATABASE_URL=postgres.create_database("edited"))
    api.migrate()
    file = project / "migrations/0002_create_users.up.sql"
    file.write_text(file.read_text() + "-- mine\n")
    result = api.migrate(check=False)
    assert result.returncode == 1 and "0002_create_users was edited" in result.stderr


def test_a_migration_that_fails_changes_nothing(workshop, postgres):
    project = projects.make_project(workshop / "failing", "express", "postgres", [("user", "name:string")])
    api = projects.API(project, "express", DATABASE_URL=postgres.create_database("failing"))
    api.migrate()
    postgres.sql("failing", "INSERT INTO users (id, version, created_at, updated_at, name) "
                 "SELECT gen_random_uuid(), 1, now(), now(), 'same' FROM generate_series(1, 2)")
    throughline("generate", "resource", "user", "name:string:unique", "age:int?", cwd=project)
    result = api.migrate(check=False)
    assert result.returncode == 1 and "users_name_key" in result.stderr
    assert "pending  0003_change_users" in api.migrate("status").stdout
    assert postgres.sql("failing", "SELECT count(*) FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'age'") == "0\n"


def schema(postgres):
    """The columns and rules of the table of users."""
    return postgres.sql(
        "changes", "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_name = 'users' ORDER BY column_name") + postgres.sql(
        "changes", "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'users'::regclass ORDER BY conname"
    ) + postgres.sql("changes", "SELECT indexname FROM pg_indexes WHERE tablename = 'users' ORDER BY indexname")
