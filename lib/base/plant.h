/*
 * Planted faults: known bugs that the simulator can switch on to prove that its checker
 * would see them. Only the simulator's own build (CHAT_PLANTS) holds any; everywhere else
 * PLANTED() is the constant 0 and leaves no trace.
 */
#ifndef CHAT_BASE_PLANT_H
#define CHAT_BASE_PLANT_H

enum plant {
    PLANT_NONE,
    PLANT_ACK_BEFORE_SYNC,        /* shard: answers when decided */
    PLANT_PUBLISH_BEFORE_SYNC,    /* shard: publishes when decided */
    PLANT_REPLAY_FROM_OLDEST,     /* shard: replay ignores the applied position */
    PLANT_RING_SKIPPED,           /* shard: a repeat is a new message */
    PLANT_RING_NOT_PERSISTED,     /* shard: nonces are forgotten with the process */
    PLANT_AFTER_IGNORED,          /* shard: a later message may overtake a refused one */
    PLANT_OVERLAY_DROPPED_EARLY,  /* shard: reads miss what is synced but not applied */
    PLANT_PERMISSION_NOT_CHECKED, /* shard: a removed member may still read and send */
    PLANT_NOTE_ACK_BEFORE_SYNC,   /* shard: a note is acknowledged before it is kept */
    PLANT_SYNC_SKIPPED,           /* journal: write, no sync */
    PLANT_TORN_TAIL_ACCEPTED,     /* journal: checksums are not looked at */
    PLANT_SEGMENT_FREED_EARLY,    /* journal: reused before its rows are synced */
    PLANT_FAILED_SYNC_RETRIED,    /* journal: a failed sync counts as done */
    PLANT_APPEND_UNCONDITIONAL,   /* memory engine: two owners both append */
    PLANT_HOLE_IGNORED,           /* router: prev_lsn is not compared */
    PLANT_REMOVED_STILL_SERVED,   /* router: a removed member stays in the fan-out */
    PLANT_GAP_IGNORED,            /* client: a jump in seq counts as contiguous */
    PLANT_OUTBOX_DROPPED_ON_SEND, /* client: what was sent is taken for acknowledged */
    PLANT_CURSOR_BEFORE_MESSAGE,  /* client: the range is committed, its messages are not */
    PLANT_EPOCH_IGNORED,          /* client: rewritten history is not noticed */
    PLANT_RESEND_NEW_NONCE,       /* client: a resend is a new message */
    PLANT_CHANGES_NOT_FETCHED,    /* client: alterations missed while away stay missed */
    PLANT_MENTION_NOT_TAKEN_BACK, /* shard: a mention that an edit took back still counts */
    PLANT_REACTION_TWICE,         /* shard: a reaction that is there is added again */
    PLANT_SENT_IS_CANCELLED,      /* client: what may be in is discarded all the same */
    PLANT_RECEIPT_FALLS,          /* shard: a receipt is what was said last */
    PLANT_DRAFT_OVERWRITTEN,    /* shard: a draft is taken from who does not know the present one */
    PLANT_SETTINGS_NOT_LISTED,  /* client: what another device set while away stays unknown */
    PLANT_VIEW_CHANGE_MISSED,   /* client: views are not told what was altered */
    PLANT_VIEW_GAP_SKIPPED,     /* client: a window has no row for what is not held */
    PLANT_TOMBSTONE_FORGOTTEN,  /* shard: deletions are not counted until the home is loaded anew */
    PLANT_VIEW_REACTION_MISSED, /* client: a window does not show a reaction that is on its way */
    PLANT_EVICTS_SHOWN,         /* client: what a window shows is evicted, too */
    PLANT_EVICTION_NOT_TOLD,    /* client: what is evicted is not told as a gap */
    PLANT_INDEX_NOT_ALTERED,    /* client: an altered message keeps the words it had */
    PLANT_LOCK_KEPT,            /* client: a suspended app keeps its file open */
    PLANT_TAKEN_FORGOTTEN,      /* client: a call that fails forgets that the file was taken */
    PLANT_STALE_NOT_LOOKED_FOR, /* client: what the store cannot know goes out once more */
    PLANT_PAGE_SHORT,           /* client: a page lacks one, and says it is whole */
    PLANT_COUNT,
};

#ifdef CHAT_PLANTS
extern enum plant plant_active; /* set once before a run, by the simulator */
#define PLANTED(name) (plant_active == PLANT_##name)
#else
#define PLANTED(name) 0
#endif

#endif
