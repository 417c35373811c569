-- project.db: images, queue and log. Values that people edit live in .toml files, not here.
-- An image's document is its truth; `cells` holds the same numbers flat, for tables.

create table if not exists fact (key text primary key, value text);

create table if not exists image (
    id integer primary key autoincrement,      -- the folder's ten digits; never reused
    place text not null,                       -- the group (a word that SQL keeps for itself)
    name text not null,
    flag text not null default 'none' check (flag in ('none', 'red', 'green', 'blue', 'gold')),
    recorded text,                             -- ISO 8601
    cells text not null,                       -- flat JSON object: what the library shows
    document text not null,                    -- image.json
    revision integer not null                  -- the project's revision that changed it last
);
create index if not exists image_by_place on image (place, id);
create index if not exists image_by_revision on image (revision);
create index if not exists image_by_recorded on image (recorded);
create index if not exists image_by_name on image (name);

-- every file that ever came in, by content: the same movie under another name is no second image
create table if not exists original (
    digest text not null,
    role text not null check (role in ('movie', 'aligned', 'average')),
    image integer not null references image (id) on delete cascade,
    path text not null,
    primary key (digest, role)
);
create index if not exists original_by_image on original (image);
create index if not exists original_by_path on original (role, path);

-- what a watch has seen: a restarted watcher goes on where it was
create table if not exists seen (
    watch text not null,                       -- the watched folder
    path text not null,
    size integer not null,
    mtime_ns integer not null,
    outcome text not null,                     -- imported, known, refused
    image integer,
    message text not null default '',
    primary key (watch, path)
);

-- moving an image to another group moves its folder: said here first, finished at the next start if need be
create table if not exists move (
    image integer primary key references image (id) on delete cascade,
    target text not null
);

create table if not exists batch (
    id integer primary key autoincrement,
    image integer not null references image (id) on delete cascade,
    steps text not null,                       -- names, separated by blanks
    given text not null default '{}',          -- JSON: values for this batch only
    trial text not null default '',            -- name of the trial; nothing is recorded then
    force integer not null default 0,
    position real not null,                    -- smaller is earlier
    state text not null default 'waiting'
        check (state in ('waiting', 'running', 'done', 'failed', 'cancelled', 'skipped')),
    try integer not null default 0,            -- the fence: a try that was given up cannot report any more
    cancelling integer not null default 0,
    holder text,                               -- who runs it: the dispatcher's or importer's token
    processor integer,
    submitted real not null,                   -- seconds since 1970
    started real,
    ended real,
    message text not null default ''
);
-- one live batch for the same work: asking twice is harmless
create unique index if not exists one_waiting on batch (image, steps, given, trial, force) where state = 'waiting';
-- one batch of an image runs at a time
create unique index if not exists one_running on batch (image) where state = 'running';
create index if not exists batch_waiting on batch (position) where state = 'waiting';
create index if not exists batch_by_state on batch (state);
create index if not exists batch_by_image on batch (image);

create table if not exists log (
    id integer primary key autoincrement,
    time real not null,
    batch integer,
    image integer,
    processor integer,
    event text not null,                       -- submitted, started, done, failed, cancelled, retried, lost, imported, refused, warning …
    message text not null default ''
);
create index if not exists log_by_image on log (image, id);
create index if not exists log_by_batch on log (batch, id);
create index if not exists log_by_processor on log (processor, id);

-- one dispatcher per project
create table if not exists lease (
    name text primary key,
    holder text not null,
    host text not null,
    pid integer not null,
    begun real not null,                       -- start time of the process: tells a reused pid
    beat real not null
);
