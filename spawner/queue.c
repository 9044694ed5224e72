/* spawner/queue.c - see spawner/queue.h. */
#include "spawner/queue.h"

#include "base/say.h"

void queue_put(struct queue *q, const struct queued *e)
{
	BUG_ON(q->n == QUEUE_MAX);
	q->at[(q->first + q->n++) % QUEUE_MAX] = *e;
}

bool queue_take(struct queue *q, struct queued *ret)
{
	if (q->n == 0)
		return false;
	*ret = q->at[q->first];
	q->first = (q->first + 1) % QUEUE_MAX;
	q->n--;
	return true;
}
