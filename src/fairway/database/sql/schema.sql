-- The tables of a layer. What they hold lives for a minute, so nothing here is ever
-- migrated: another version of these columns gets other names.

-- nodes
-- born: identifies this row among all that had its id; last_id, read_id: of the inbox;
-- lease: until when the node lives (0: it never said so), kept: until when the row stays.
{create} IF NOT EXISTS {nodes} (
    id {name} NOT NULL PRIMARY KEY,
    born BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    read_id BIGINT NOT NULL,
    lease BIGINT NOT NULL,
    kept BIGINT NOT NULL,
    known SMALLINT NOT NULL,
    sent BIGINT NOT NULL,
    filled BIGINT NOT NULL,
    grouped BIGINT NOT NULL
) {busy};

-- inbox
-- body: a packed list of fields and values.
{create} IF NOT EXISTS {inbox} (
    node {name} NOT NULL,
    id BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    body {bytes} NOT NULL,
    PRIMARY KEY (node, id)
) {bulk};

-- counts
-- Unread messages by field (a process-specific channel, or '>' and a normal one) and node.
{create} IF NOT EXISTS {counts} (
    field {name} NOT NULL,
    node {name} NOT NULL,
    n BIGINT NOT NULL,
    PRIMARY KEY (field, node){key_node}
) {busy};

-- counts_node
CREATE INDEX IF NOT EXISTS {counts}_node ON {counts} (node);

-- channels
-- Normal channels: first_id and last_id are those of the queue, due says when to look for
-- expired messages, used when it was last.
{create} IF NOT EXISTS {channels} (
    name {name} NOT NULL PRIMARY KEY,
    first_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    due BIGINT NOT NULL,
    used BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    filled BIGINT NOT NULL
) {busy};

-- queue
-- Messages of normal channels that no node has taken: n of them, packed, to a row.
{create} IF NOT EXISTS {queue} (
    channel {name} NOT NULL,
    id BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    n BIGINT NOT NULL,
    body {bytes} NOT NULL,
    PRIMARY KEY (channel, id)
) {bulk};

-- wants
-- How many messages of a normal channel a node can take.
{create} IF NOT EXISTS {wants} (
    channel {name} NOT NULL,
    node {name} NOT NULL,
    credit BIGINT NOT NULL,
    PRIMARY KEY (channel, node)
) {busy};

-- members
-- node is '' for normal channels.
{create} IF NOT EXISTS {members} (
    grp {name} NOT NULL,
    node {name} NOT NULL,
    channel {name} NOT NULL,
    ends BIGINT NOT NULL,
    PRIMARY KEY (grp, node, channel){key_node}{key_ends}
) {bulk};

-- members_node
CREATE INDEX IF NOT EXISTS {members}_node ON {members} (node);

-- members_ends
CREATE INDEX IF NOT EXISTS {members}_ends ON {members} (ends);

-- group_nodes
-- turn: of the node's last join, as it counts them.
{create} IF NOT EXISTS {group_nodes} (
    grp {name} NOT NULL,
    node {name} NOT NULL,
    turn BIGINT NOT NULL,
    PRIMARY KEY (grp, node){key_node}
) {bulk};

-- group_nodes_node
CREATE INDEX IF NOT EXISTS {group_nodes}_node ON {group_nodes} (node);

-- figures
{create} IF NOT EXISTS {figures} (
    name {name} NOT NULL PRIMARY KEY,
    n BIGINT NOT NULL
) {busy};

-- samples
-- Totals at two former times, for rates.
{create} IF NOT EXISTS {samples} (
    name {name} NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    total BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    next_total BIGINT NOT NULL
) {busy};
