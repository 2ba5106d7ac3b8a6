#include "place.h"

static void follow_move(struct place *place, uint32_t from, uint32_t to)
{
    if (place->index == from)
        place->index = to;
    else if (from < place->index && to >= place->index)
        place->index--;
    else if (from > place->index && to <= place->index)
        place->index++;
}

void place_follow(struct place *place, const struct chat_diff *diff)
{
    if (!place->set)
        return;
    switch (diff->type) {
    case CHAT_DIFF_INSERT:
        if (diff->index <= place->index)
            place->index++;
        break;
    case CHAT_DIFF_REMOVE:
        if (diff->index < place->index)
            place->index--;
        break;
    case CHAT_DIFF_MOVE: follow_move(place, diff->index, diff->to_index); break;
    case CHAT_DIFF_RESET: place->set = false; break;
    case CHAT_DIFF_UPDATE:
    case CHAT_DIFF_STATUS: break;
    }
}

void place_clamp(struct place *place, uint32_t count)
{
    if (count == 0)
        place->set = false;
    else if (place->index >= count)
        place->index = count - 1;
}
