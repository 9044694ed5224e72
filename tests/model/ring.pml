/*
 * tests/model/ring.pml - a command's way through the ring (shm/ring.h, shm/ring.c): posted by a
 * client, carried out by a daemon, answered, freed. Client and daemon are killed at any step; a new
 * daemon takes over what it finds. Posting itself (FREE, FILLING, READY under the lock) is in
 * tests/model/lock.pml.
 *
 * The effect is a launch: the kernel stores the pid into the table before the child runs, so
 * "launched" is one step with the launch (docs/design.md, section 4), and a daemon that finds the
 * process running does not launch it again.
 *
 * PROPERTIES
 *   once      a command that was posted is carried out at most once, however often the daemon dies
 *   answered  a client that lives gets an answer for its own ticket, never another's
 *   done      every posted command is carried out in the end, also if its client died (ltl, with a
 *             daemon that dies finitely often)
 *   free      and its entry gets free again: by its client, or by the next one that needs it once
 *             that client is dead, or stopped (to the others that is the same)
 *
 * A client that takes the table for lost withdraws what nobody has begun and posts it again, as
 * another ticket of the same request; what somebody has begun it does not. So "once" counts
 * requests. -DCARELESS: a daemon goes on although what it saw READY was withdrawn; the checker must
 * find a request that is carried out twice.
 *
 * -DBROKEN takes READY entries from their beginning and applies READY a second time after a death
 * of the poster, as a journal would. The checker must find a command that is carried out twice.
 */
#define FREE 0
#define READY 2
#define RUNNING 3
#define DONE 4
#define COMMANDS 2
#define DEATHS 2
#define TICKETS 3 /* one of them may be withdrawn */

byte state = FREE, ticket = 0, next_ticket = 1;
bool client_alive = true;
byte deaths = 0;
byte request[TICKETS + 1];   /* of a ticket */
byte launched[COMMANDS + 1]; /* by request: how often its effect happened */
bool up[TICKETS + 1];	     /* by ticket: what the daemon has noted of it */
byte posted = 0, finished = 0;

/* One client after the other; each posts one command, and may be killed before it has read the
 * answer. */
active proctype clients() {
	byte mine, wanted;
	bool again = false, withdrew = false;

	do
	:: posted == COMMANDS && !again -> break
	:: else ->
		client_alive = true;
		if :: again :: else -> wanted = posted + 1 fi;
		/* an entry that is free; or one that a dead client left answered */
		if
		:: state == FREE
		:: state == DONE -> state = FREE
		fi;
		atomic { mine = next_ticket; next_ticket++ }
		request[mine] = wanted;
		ticket = mine;
		atomic { state = READY; posted = wanted }
		again = false;
#ifdef BROKEN
		if
		:: deaths < DEATHS ->
			deaths++;
			client_alive = false;
			/* the next taker of the lock redoes the last store of a journal that had
			 * been applied already */
			if
			:: state == DONE -> state = READY
			:: else
			fi
		:: true
		fi;
#endif
		if
		:: state == DONE ->
			assert(ticket == mine && launched[wanted] == 1); /* answered */
			state = FREE
		:: atomic { /* withdrawn */
			state == READY && !withdrew -> state = FREE; again = true; withdrew = true
		   }
		/* killed while it waits: what was posted stays posted */
		:: deaths < DEATHS -> deaths++; client_alive = false
		fi
	od;
	/* what the last one left is freed by whoever comes next */
	if
	:: state == DONE -> state = FREE
	:: state == FREE
	fi;
	finished = 1
}

/* One incarnation after the other. */
active proctype daemon() {
	byte t, q;

end_idle:
	do
	:: state == READY || state == RUNNING ->
		/* read once more where the state has changed meanwhile (pt_command_next()) */
		atomic { t = ticket; q = request[t] }
#ifdef CARELESS
		;
		if
		:: state == READY -> state = RUNNING
		:: else
		fi;
#else
		;
		atomic {
			if
			:: state == READY && ticket == t -> state = RUNNING
			:: state == RUNNING && ticket == t
			:: else -> goto end_idle /* withdrawn */
			fi
		}
#endif
		if :: deaths < DEATHS -> deaths++; goto end_idle :: true fi;
#ifdef BROKEN
		atomic { launched[q]++; up[t] = true }
#else
		if
		:: !up[t] -> atomic { launched[q]++; up[t] = true }
		:: else /* an earlier daemon got so far */
		fi;
#endif
		;
		assert(launched[q] <= 1); /* once */
		if :: deaths < DEATHS -> deaths++; goto end_idle :: true fi;
		state = DONE
	od
}

/* done and free, under weak fairness */
ltl answered { <> (finished == 1 && state == FREE && launched[1] == 1 && launched[2] == 1) }
