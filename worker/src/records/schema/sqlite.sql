-- What runs came to, and what is kept of dead letters and of what people do.

CREATE TABLE records_schema (
    version INTEGER NOT NULL
);

-- `day` counts days since the Unix epoch, in UTC. `id` is the time of the end
-- in ms times 2^20, and a random part: rows come in nearly in order, and lists are in its order. For each
-- condition that people filter by an index has the rows in that order, so that a page is as quick where hardly
-- a row matches; what else narrows a list stands behind, and is judged without a look at the row. `body` stands
-- in an event's first rows only, and goes when it must be erased. `contact_id` is the contact that an event is
-- about, if it is about one. `answer` is the beginning of what the other side answered to an attempt that
-- failed; it goes with `error`. `logged_ms` is when the row was written, which can be late.
CREATE TABLE event_log (
    day INTEGER NOT NULL,
    id BIGINT NOT NULL,
    identity TEXT NOT NULL,
    origin TEXT NOT NULL,
    type TEXT NOT NULL,
    object_id BIGINT,
    contact_id BIGINT,
    property TEXT,
    received_ms BIGINT NOT NULL,
    started_ms BIGINT NOT NULL,
    settled_ms BIGINT NOT NULL,
    attempt INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    target TEXT,
    verdict TEXT NOT NULL,
    code TEXT,
    error TEXT,
    answer TEXT,
    trace_id TEXT,
    job_id BIGINT,
    logged_ms BIGINT NOT NULL DEFAULT 0,
    body BLOB,
    PRIMARY KEY (id, day)
);
CREATE INDEX event_log_by_identity ON event_log (identity);
CREATE INDEX event_log_by_object ON event_log (object_id, id);
CREATE INDEX event_log_by_origin ON event_log (origin, id, verdict);
CREATE INDEX event_log_by_type ON event_log (type, id, verdict);
CREATE INDEX event_log_by_target ON event_log (target, id, type, verdict);
CREATE INDEX event_log_by_verdict ON event_log (verdict, id);
CREATE INDEX event_log_by_contact ON event_log (origin, contact_id) WHERE contact_id IS NOT NULL;

-- A letter's `target` is empty if it has none. `body` is NULL once it was erased; `previous_id` is the row
-- whose retry this one is. `steps` are names with commas between. Lists are in the order of `id`, which is
-- nearly that of the deaths: what else narrows a list stands behind it in each index, and costs no look at
-- the row. SQLite prefers an index of which it knows more columns.
CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    identity TEXT NOT NULL,
    target TEXT NOT NULL,
    generation BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    queue TEXT NOT NULL,
    origin TEXT NOT NULL,
    type TEXT NOT NULL,
    object_id BIGINT,
    contact_id BIGINT,
    reason TEXT NOT NULL,
    code TEXT NOT NULL,
    error TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    received_ms BIGINT NOT NULL,
    died_ms BIGINT NOT NULL,
    indexed_ms BIGINT NOT NULL,
    traceparent TEXT,
    steps TEXT NOT NULL DEFAULT '',
    body BLOB,
    state TEXT NOT NULL,
    state_ms BIGINT NOT NULL,
    job_id BIGINT,
    previous_id BIGINT,
    UNIQUE (identity, target, generation, attempt)
);
CREATE INDEX dead_letter_by_problem ON dead_letter (fingerprint, state, id, died_ms);
CREATE INDEX dead_letter_by_state ON dead_letter (state, id, died_ms);
CREATE INDEX dead_letter_by_origin
    ON dead_letter (origin, state, id, died_ms, code, target, type, reason);
CREATE INDEX dead_letter_by_code
    ON dead_letter (code, state, id, died_ms, target, type, reason);
CREATE INDEX dead_letter_by_target ON dead_letter (target, state, id, died_ms, type, reason);
CREATE INDEX dead_letter_by_type ON dead_letter (type, state, id, died_ms, reason);
CREATE INDEX dead_letter_by_reason ON dead_letter (reason, state, id, died_ms);
CREATE INDEX dead_letter_by_object ON dead_letter (object_id, state, id);
CREATE INDEX dead_letter_by_death ON dead_letter (id, died_ms);
CREATE INDEX dead_letter_by_job ON dead_letter (job_id, state, id) WHERE job_id IS NOT NULL;
CREATE INDEX dead_letter_by_contact ON dead_letter (origin, contact_id) WHERE contact_id IS NOT NULL;

-- A problem's counters are kept in the transaction that moves its letters, as those of `problem_origin` and
-- `origin` are: nobody has to count rows. `sample_id` is a letter whose error says what it is about: a copy
-- would outlive it.
CREATE TABLE problem (
    fingerprint TEXT PRIMARY KEY,
    rule INTEGER NOT NULL,
    code TEXT NOT NULL,
    target TEXT NOT NULL,
    sample_id BIGINT,
    dead BIGINT NOT NULL,
    requested BIGINT NOT NULL,
    retried BIGINT NOT NULL,
    resolved BIGINT NOT NULL,
    died_again BIGINT NOT NULL,
    discarded BIGINT NOT NULL,
    first_ms BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    note TEXT
);
CREATE INDEX problem_by_size ON problem (dead DESC, last_ms DESC, fingerprint);
CREATE INDEX problem_by_code ON problem (code);
CREATE INDEX problem_by_target ON problem (target);

CREATE TABLE problem_origin (
    fingerprint TEXT NOT NULL,
    origin TEXT NOT NULL,
    dead BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (fingerprint, origin)
);

CREATE TABLE origin (
    origin TEXT PRIMARY KEY,
    dead BIGINT NOT NULL,
    problems BIGINT NOT NULL,
    last_ms BIGINT NOT NULL
);

-- `hour` counts hours since the Unix epoch.
CREATE TABLE problem_hour (
    fingerprint TEXT NOT NULL,
    hour BIGINT NOT NULL,
    deaths BIGINT NOT NULL,
    PRIMARY KEY (fingerprint, hour)
);

-- No row is ever changed.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    filter TEXT NOT NULL,
    count BIGINT NOT NULL
);

-- A job does something to letters or publishes events again. `scope` is JSON, `filter` the same in words.
-- `recent` has a letter for each of the last runs, `s` for success, `f` for a failure and `d` for death; one
-- that is `trusted` does not wait for a first success. `place_ms` and `place_id` are how far a replay has come
-- in the log; of letters `place_id` is the last that was claimed or moved. Whoever works on it is `owner`, until
-- `owned_until_ms`. `generation` is that of what the job starts over, and no other job's. `plan` is the digest
-- of what somebody agreed to, which is done once.
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    scope TEXT NOT NULL,
    filter TEXT NOT NULL,
    cutoff_ms BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rate BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    planned BIGINT NOT NULL,
    planned_more BOOLEAN NOT NULL,
    published BIGINT NOT NULL,
    runs BIGINT NOT NULL DEFAULT 0,
    succeeded BIGINT NOT NULL,
    failing BIGINT NOT NULL,
    died BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    recent TEXT NOT NULL,
    trusted BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    state_ms BIGINT NOT NULL,
    place_ms BIGINT NOT NULL,
    place_id BIGINT NOT NULL,
    owner TEXT NOT NULL,
    owned_until_ms BIGINT NOT NULL,
    plan TEXT
);
CREATE INDEX job_by_state ON job (state, id);
CREATE UNIQUE INDEX job_by_generation ON job (generation);
CREATE UNIQUE INDEX job_by_plan ON job (plan);

-- A job's `runs` is how many there are of it; each has a row here from before it is published until the job has
-- long been over. `target` is empty while it is a message to all handlers, `generation` and `attempt` are what
-- it was published as, and `copies` how often, for it may be that nobody knows whether it was.
CREATE TABLE job_run (
    job_id BIGINT NOT NULL,
    identity TEXT NOT NULL,
    target TEXT NOT NULL,
    generation BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    copies BIGINT NOT NULL,
    stage TEXT NOT NULL,
    stage_ms BIGINT NOT NULL,
    PRIMARY KEY (job_id, identity, target)
);

-- A tombstone for each contact that was erased: what is about it has no content, now and later. It is not
-- `swept` while rows may still be written by somebody who has not seen it.
CREATE TABLE erasure (
    origin TEXT NOT NULL,
    object_id BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    swept BOOLEAN NOT NULL,
    PRIMARY KEY (origin, object_id)
);
CREATE INDEX erasure_not_swept ON erasure (at_ms) WHERE NOT swept;

-- A key that nothing shows.
CREATE TABLE secret (
    name TEXT PRIMARY KEY,
    key BLOB NOT NULL
);

-- A console's session that somebody signed out of before its time.
CREATE TABLE ended_session (
    id TEXT PRIMARY KEY,
    expires_ms BIGINT NOT NULL
);

-- Tenants, their destinations and routes. `body` is the section of a file of tenants as JSON: it names secrets by
-- their place alone. What is `deleted` or `dropped` is no longer there, and kept so that what still waits for it ends
-- as was said: as a dead letter, or as skipped.
CREATE TABLE tenant_section (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    state_ms BIGINT NOT NULL,
    state_by TEXT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- One row. The number grows with each change of the sections: workers ask for it alone.
CREATE TABLE tenant_version (
    version BIGINT NOT NULL
);
INSERT INTO tenant_version (version) VALUES (0);

-- A secret that was made for a destination, which signs with it: sealed, as all of `secret` and `previous` is. It
-- belongs to the destination, to its tenant (NULL: it is all tenants'), and to how that signs (`form`). `previous` is
-- the one before it, which signs as well until `previous_until_ms`.
CREATE TABLE destination_secret (
    destination TEXT PRIMARY KEY,
    tenant TEXT,
    form TEXT NOT NULL,
    secret BLOB NOT NULL,
    made_ms BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    previous BLOB,
    previous_until_ms BIGINT
);

-- A portal's own consent to the app, and what keeps it: `refresh_token` is sealed, and NULL once erased. `app` is
-- the client id that it was given to. `fence` counts the refreshes that were begun, and whoever begins one has
-- the row until `leased_until_ms`; `token_fence` says under which of them the token came that is kept. It is due
-- to be refreshed at `due_ms`, and its access token is over at `expires_ms`. `error_code` is what HubSpot said
-- last, if that was a refusal.
CREATE TABLE installation (
    origin TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    app TEXT NOT NULL,
    refresh_token BLOB,
    fence BIGINT NOT NULL,
    token_fence BIGINT NOT NULL,
    leased_until_ms BIGINT NOT NULL,
    due_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    user_id BIGINT,
    ui_domain TEXT,
    time_zone TEXT,
    installed_ms BIGINT NOT NULL,
    uninstalled_ms BIGINT,
    error_code TEXT
);
CREATE INDEX installation_due ON installation (app, due_ms) WHERE state = 'installed';
