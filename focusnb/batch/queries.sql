-- What the queue asks project.db; each statement is found by its name.
-- Left alone SQLite would take batch_by_state and sort; "indexed by batch_waiting" and "+batch.state"
-- (no index) keep 10,000 waiting batches quick.

-- name: submit
-- one statement for all images; an equal waiting batch is found again, not doubled
insert into batch (image, steps, given, trial, force, position, submitted)
select item.value, :steps, :given, :trial, :force, :position + item.key, :now
from json_each(:images) as item
where true
on conflict (image, steps, given, trial, force) where state = 'waiting'
do update set position = case when :top then excluded.position else position end
returning id, image;

-- name: begin
-- a batch that its holder runs at once, past the queue
insert into batch (image, steps, given, position, state, try, holder, submitted, started)
values (:image, :steps, :given, 0, 'running', 1, :holder, :now, :now)
returning *;

-- name: highest_id
select coalesce(max(id), 0) from batch;

-- name: first_position
select coalesce(min(position), 0) from batch where state = 'waiting';

-- name: last_position
select coalesce(max(position), 0) from batch where state = 'waiting';

-- name: take
-- the first that waits, whose image nobody works on or moves; the try grows with every claim
update batch
set state = 'running', try = try + 1, cancelling = 0, holder = :holder, processor = :processor,
    started = :now, ended = null, message = ''
where id = (
    select b.id from batch b indexed by batch_waiting
    where b.state = 'waiting'
      and not exists (select 1 from fact where key = 'paused')
      and not exists (select 1 from batch r where r.image = b.image and r.state = 'running')
      and not exists (select 1 from move m where m.image = b.image)
    order by b.position, b.id
    limit 1
)
returning *;

-- name: place
update batch set processor = :processor where id = :batch and try = :try and state = 'running';

-- name: any_waiting
select 1 from batch where state = 'waiting' limit 1;

-- name: finish
-- the fence: only the try that runs now, by who holds it, while the lease is held, may report
update batch
set state = :state, ended = :now, message = :message, cancelling = 0
where id = :batch and try = :try and state = 'running' and holder = :holder
  and (:holder like 'import:%' or exists (select 1 from lease where name = 'dispatch' and holder = :holder))
returning *;

-- name: give_back
-- a request to cancel that came before is honoured here
update batch
set state = case when cancelling then 'cancelled' else 'waiting' end,
    ended = case when cancelling then :now end,
    message = case when cancelling then 'cancelled on request' else :message end,
    cancelling = 0, holder = null, started = null
where id = :batch and try = :try and state = 'running' and holder = :holder
returning *;

-- name: drop_doubles
update batch
set state = 'skipped', ended = :now, message = 'the same work waits as batch ' || :batch
where state = 'waiting'
  and (image, steps, given, trial, force) = (
    select image, steps, given, trial, force from batch
    where id = :batch and try = :try and state = 'running' and holder = :holder
  );

-- name: losses
select count(*) from log
where image = :image and batch = :batch and event = 'lost'
  and id > (
    select coalesce(max(id), 0) from log where image = :image and batch = :batch and event = 'retried'
  );

-- name: top
update batch set position = :first + item.key
from json_each(:ids) as item
where batch.id = item.value and +batch.state = 'waiting'
returning batch.id;

-- name: neighbours
select position from batch indexed by batch_waiting
where state = 'waiting' and id not in (select value from json_each(:ids))
order by position, id limit 2 offset :skipped;

-- name: spread
update batch set position = :first + :step * item.key
from json_each(:ids) as item
where batch.id = item.value and +batch.state = 'waiting'
returning batch.id;

-- name: renumber
update batch set position = ranked.place
from (
    select id, row_number() over (order by position, id) as place
    from batch indexed by batch_waiting where state = 'waiting'
) as ranked
where batch.id = ranked.id;

-- name: cancel_waiting
update batch
set state = 'cancelled', ended = :now, message = 'cancelled before it began'
where state = 'waiting' and id in (select value from json_each(:ids))
returning id, image, processor;

-- name: cancel_running
update batch
set cancelling = 1
where state = 'running' and cancelling = 0 and id in (select value from json_each(:ids))
returning id, image, processor;

-- name: retry
update or ignore batch
set state = 'waiting', position = :position + item.key, started = null, ended = null,
    holder = null, processor = null, message = ''
from json_each(:ids) as item
where batch.id = item.value and +batch.state in ('failed', 'cancelled', 'skipped')
returning id, image;

-- name: to_cancel
select id, image, try, processor from batch
where state = 'running' and cancelling = 1 and holder = :holder;

-- name: running
select * from batch where state = 'running' order by started, id;

-- name: counts
select state, count(*) from batch group by state;

-- name: states
select b.*, i.place, i.name from json_each(:ids) as item
join batch b on b.id = item.value
join image i on i.id = b.image;

-- name: list_running
select b.*, i.place, i.name from batch b join image i on i.id = b.image
where b.state = 'running' order by b.started, b.id;

-- name: list_waiting
select b.*, i.place, i.name from batch b indexed by batch_waiting join image i on i.id = b.image
where b.state = 'waiting' order by b.position, b.id limit :limit;

-- name: list_ended
-- asked once for each state: so the index gives the newest without sorting
select b.*, i.place, i.name from batch b join image i on i.id = b.image
where b.state = :state order by b.id desc limit :limit;

-- name: note
insert into log (time, batch, image, processor, event, message)
values (:time, :batch, :image, :processor, :event, :message);

-- name: note_many
insert into log (time, batch, image, event)
select :time, json_extract(item.value, '$[0]'), json_extract(item.value, '$[1]'), :event
from json_each(:pairs) as item;

-- name: log
select l.id, l.time, l.batch, l.image, i.name, l.processor, l.event, l.message
from log l left join image i on i.id = l.image
where (:batch is null or l.batch = :batch)
  and (:processor is null or l.processor = :processor)
  and (:events is null or l.event in (select value from json_each(:events)))
  and (:text = '' or instr(lower(coalesce(i.name, '') || ' ' || l.event || ' ' || l.message), :text))
order by l.id desc limit :limit;

-- name: log_of_image
select l.id, l.time, l.batch, l.image, i.name, l.processor, l.event, l.message
from log l left join image i on i.id = l.image
where l.image = :image
  and (:batch is null or l.batch = :batch)
  and (:processor is null or l.processor = :processor)
  and (:events is null or l.event in (select value from json_each(:events)))
  and (:text = '' or instr(lower(coalesce(i.name, '') || ' ' || l.event || ' ' || l.message), :text))
order by l.id desc limit :limit;

-- name: pause
insert or replace into fact values ('paused', '1');

-- name: resume
delete from fact where key = 'paused';

-- name: lease
select * from lease where name = :name;

-- name: take_lease
insert or replace into lease (name, holder, host, pid, begun, beat)
values (:name, :holder, :host, :pid, :begun, :now);

-- name: beat
update lease set beat = :now where name = :name and holder = :holder;

-- name: release_lease
delete from lease where name = :name and holder = :holder;

-- name: release_idle_lease
-- only while nothing waits: a batch submitted just now finds either a free lease or a dispatcher that stays
delete from lease
where name = :name and holder = :holder
  and (
    not exists (select 1 from batch where state = 'waiting')
    or exists (select 1 from fact where key = 'paused')
  );

-- name: ask
-- who is asked is named: a request that came too late is nothing for the next holder
insert or replace into fact values ('stop ' || :name || ' ' || :holder, :how);

-- name: asked
select value from fact where key = 'stop ' || :name || ' ' || :holder;

-- name: forget_asked
delete from fact where key glob 'stop ' || :name || ' *';

-- name: waiting
select id from batch indexed by batch_waiting where state = 'waiting' order by position, id;

-- name: find_running
select b.*, i.place, i.name from batch b join image i on i.id = b.image
where b.state = 'running' and (:text = '' or instr(lower(i.name), :text))
order by b.started, b.id limit :limit offset :skipped;

-- name: find_waiting
select b.*, i.place, i.name from batch b indexed by batch_waiting join image i on i.id = b.image
where b.state = 'waiting' and (:text = '' or instr(lower(i.name), :text))
order by b.position, b.id limit :limit offset :skipped;

-- name: find_ended
-- the last that ended comes first
select b.*, i.place, i.name from batch b join image i on i.id = b.image
where b.state in (select value from json_each(:states)) and (:text = '' or instr(lower(i.name), :text))
order by b.ended desc, b.id desc limit :limit offset :skipped;

-- name: counts_found
select b.state, count(*) from batch b join image i on i.id = b.image
where instr(lower(i.name), :text) group by b.state;
