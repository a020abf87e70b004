//! Which process, which container, which pod: the processes and containers
//! of this node, and events in terms of them.
