"""The streams that are not wholly stored yet: those of our own sockets, and those that killed processes left behind."""

import asyncio
import logging
import shutil
from concurrent.futures import Executor
from uuid import UUID

from django.conf import settings

from recordings.capture import ledger
from recordings.capture.admission import Admission
from recordings.capture.ledger import Close
from recordings.capture.session import Session
from recordings.capture.spool import NodeFolder, StreamSpool

logger = logging.getLogger(__name__)

Life = asyncio.Task[None]


class Lives:
    """Each stream's session, and the coroutine that brings it to its end."""

    def __init__(self, folder: NodeFolder, pool: Executor) -> None:
        self._folder = folder
        self._pool = pool
        self._sessions: dict[UUID, Session] = {}
        self._lives: dict[UUID, Life] = {}

    def begin(self, admitted: Admission, *, start_ms: int | None = None) -> Session:
        """The session of a socket whose row is open."""
        session = Session(
            stream=admitted.stream,
            recording=admitted.recording,
            folder=self._folder.stream_folder(admitted.stream),
            pool=self._pool,
            chunk_seconds=settings.CAPTURE_CHUNK_SECONDS,
            start_ms=start_ms,
        )
        self._live(session)
        return session

    def adopt(self, folder: NodeFolder, left_open: list[tuple[UUID, UUID]]) -> list[Life]:
        """Take up every stream that waits in a folder, and every row (stream, recording) that its process left open."""
        lives = [self._live(session) for path in folder.stream_folders() if (session := self._found(path.name, folder))]
        for stream, recording in left_open:
            if stream not in self._lives:
                session = self.begin(Admission(stream=stream, recording=recording))
                session.close(Close(ledger.DIED, orderly=False))
                lives.append(self._lives[stream])
        return lives

    def troubles(self) -> list[str]:
        """What streams cannot do now, a sentence each."""
        return [session.trouble for session in list(self._sessions.values()) if session.trouble]

    def known(self, stream: UUID) -> bool:
        return stream in self._lives

    async def settle(self, *, seconds: float) -> None:
        """Give what is under way some time; what is not stored then stays in the spool, for the next process."""
        if self._lives:
            await asyncio.wait(list(self._lives.values()), timeout=seconds)
        for life in list(self._lives.values()):
            life.cancel()

    def _live(self, session: Session) -> Life:
        self._sessions[session.stream] = session
        life = asyncio.get_running_loop().create_task(session.live())
        self._lives[session.stream] = life
        life.add_done_callback(lambda task: self._over(session.stream, task))
        return life

    def _over(self, stream: UUID, life: Life) -> None:
        del self._lives[stream], self._sessions[stream]
        if not life.cancelled() and (error := life.exception()) is not None:
            logger.error("stream %s: its audio stays in the spool", stream, exc_info=error)

    def _found(self, name: str, folder: NodeFolder) -> Session | None:
        """The session of a stream's folder; None where there is none to be had, or it is ours and lives."""
        path = folder.path / "streams" / name
        try:
            if self.known(UUID(name)):
                return None
            spool = StreamSpool.adopt(path)
        except ValueError:
            logger.exception("%s cannot be read; it is left as it is", path)
            return None
        if spool is None:
            logger.warning("%s holds no header, so no audio: it is removed", path)
            shutil.rmtree(path)
            return None
        logger.warning("stream %s is adopted: %d bytes", spool.header.stream, spool.size)
        return Session.adopt(spool, pool=self._pool, chunk_seconds=settings.CAPTURE_CHUNK_SECONDS)
