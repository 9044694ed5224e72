/*
 * tests/model/lock.pml - the robust lock, the redo journal and its recovery (shm/lock.c), and
 * entries of the command ring that are being filled (shm/ring.c). Holders are killed or stopped for
 * good at any step, in the middle of recovery too.
 *
 * PROPERTIES
 *   together   the words of one change (here gens and used) agree whenever the lock is held by
 *              somebody who has just taken it, recovered or not
 *   no half    nobody who holds the lock finds an entry in the state FILLING that is not his own: a
 *              client that died left none behind
 *   alone      two never hold the lock
 *   bounded    a taker gives up after its deadline (modelled as a choice), so a stopped holder
 *              never blocks it: the supervisor reaches its end in every run
 *
 * -DBROKEN applies the change without a journal. The checker must find that the words then disagree
 * after a death.
 */
#define CLIENTS 2
#define ROUNDS 2
#define NOBODY 255

byte owner = NOBODY;  /* the kernel's view of the mutex */
bool owner_died = false; /* the next taker gets EOWNERDEAD */
byte deaths = 0;
#define DEATHS 2

byte gens = 0, used = 0;	/* changed together */
byte j_n = 0, j_gens, j_used;	/* the journal: n is its commit */
byte entry = 0;			/* of the command ring: 0 FREE, 1 FILLING, 2 READY */
byte filler = NOBODY;
byte holders = 0;
byte supervised = 0;

#define DIE_HERE (deaths < DEATHS)

inline die(me) {
	atomic { deaths++; owner_died = true; owner = NOBODY; holders--; goto dead }
}

/* Blocking signals is not modelled: SIGKILL and SIGSTOP can't be blocked. Giving up at the deadline
 * is the choice `else give up`. */
inline take(me, got) {
	got = false;
	if
	:: atomic { /* alone */
		owner == NOBODY -> owner = me; holders++; assert(holders == 1); got = true
	   }
	:: true /* the deadline passed, or it was never free */
	fi
}

inline apply() {
	if
	:: j_n > 0 -> gens = j_gens; used = j_used
	:: else -> skip
	fi;
	j_n = 0
}

inline recover(me) {
	if
	:: owner_died ->
		if
		:: j_n > 0 ->
			gens = j_gens;
			if :: DIE_HERE -> die(me) :: true fi;
			used = j_used
		:: else
		fi;
		if :: DIE_HERE -> die(me) :: true fi;
		j_n = 0;
		if
		:: entry == 1 -> entry = 0
		:: else
		fi;
		if :: DIE_HERE -> die(me) :: true fi;
		owner_died = false /* pthread_mutex_consistent(): only now */
	:: else
	fi
}

proctype client(byte me) {
	byte round = 0, n;
	bool got;

again:
	do
	:: round == ROUNDS -> break
	:: else ->
		round++;
		take(me, got);
		if
		:: !got -> goto again
		:: else
		fi;
		recover(me);
		assert(gens == used); /* together */
		assert(entry != 1);   /* no half */
		n = gens + 1;
#ifdef BROKEN
		gens = n;
		if :: DIE_HERE -> die(me) :: true fi;
		used = n;
#else
		j_gens = n;
		if :: DIE_HERE -> die(me) :: true fi;
		j_used = n;
		if :: DIE_HERE -> die(me) :: true fi;
		j_n = 1; /* the commit */
		if :: DIE_HERE -> die(me) :: true fi;
		gens = n;
		if :: DIE_HERE -> die(me) :: true fi;
		used = n;
		if :: DIE_HERE -> die(me) :: true fi;
		j_n = 0;
#endif
		if :: DIE_HERE -> die(me) :: true fi;
		/* post a command */
		if
		:: entry == 0 ->
			entry = 1;
			if :: DIE_HERE -> die(me) :: true fi;
			entry = 2
		:: else
		fi;
		if
		:: DIE_HERE -> die(me)
		:: DIE_HERE -> deaths++; goto stopped /* SIGSTOP: alive, holding, for ever */
		:: true
		fi;
		atomic { holders--; owner = NOBODY }
	od;
	goto end;
dead:
	got = false;
	/* whoever takes its place */
	if
	:: round < ROUNDS -> goto again
	:: else
	fi;
	goto end;
stopped:
	false;
end:
	skip
}

/* It reaps and restarts, and needs the lock for rows only: one that it does not get within its
 * deadline is tried at the next turn. */
proctype supervisor() {
	byte turn = 0;
	bool got;

	do
	:: turn == 2 -> break
	:: else ->
		turn++;
		take(2, got);
		if
		:: got ->
			if
			:: owner_died ->
				apply();
				if :: entry == 1 -> entry = 0 :: else fi;
				owner_died = false
			:: else
			fi;
			assert(gens == used && entry != 1);
			atomic { holders--; owner = NOBODY }
		:: else
		fi
	od;
	supervised = 1
}

init {
	atomic { run client(0); run client(1); run supervisor() }
}

/* bounded: whatever the others do, the supervisor gets to its end (weak fairness: pan -a -f). */
ltl bounded { <> (supervised == 1) }
