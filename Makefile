# For packages, and for all users of a machine. For yourself: cargo install --locked --path . && git wt shell-init --install
#
#   make && sudo make install
#   make install DESTDIR=/tmp/package prefix=/usr

prefix = /usr/local
bindir = $(prefix)/bin
datadir = $(prefix)/share
mandir = $(datadir)/man
bashdir = $(datadir)/bash-completion/completions
zshdir = $(datadir)/zsh/site-functions
fishdir = $(datadir)/fish/vendor_completions.d
shelldir = $(datadir)/git-wt

CARGO = cargo
INSTALL = install
binary = $(or $(CARGO_TARGET_DIR),target)/release/git-wt
pages = $(wildcard man/*.1)
overviews = $(wildcard man/*.7)

all: $(binary)

$(binary): $(shell find src shell -type f) $(pages) $(overviews) Cargo.toml Cargo.lock
	$(CARGO) build --release --locked

install: all
	$(INSTALL) -d $(addprefix "$(DESTDIR)",$(bindir) $(mandir)/man1 $(mandir)/man7 $(bashdir) $(zshdir) $(fishdir) $(shelldir))
	$(INSTALL) -m 755 $(binary) "$(DESTDIR)$(bindir)/git-wt"
	$(INSTALL) -m 644 $(pages) "$(DESTDIR)$(mandir)/man1"
	$(INSTALL) -m 644 $(overviews) "$(DESTDIR)$(mandir)/man7"
	$(INSTALL) -m 644 shell/completion/git-wt.bash "$(DESTDIR)$(bashdir)/git-wt"
	$(INSTALL) -m 644 shell/completion/git-wt.zsh "$(DESTDIR)$(zshdir)/_git-wt"
	$(INSTALL) -m 644 shell/completion/git-wt.fish "$(DESTDIR)$(fishdir)/git-wt.fish"
	for shell in bash zsh fish; do \
		$(binary) shell-init $$shell --program "$(bindir)/git-wt" >"$(DESTDIR)$(shelldir)/git-wt.$$shell" || exit; \
	done

uninstall:
	rm -f "$(DESTDIR)$(bindir)/git-wt" $(addprefix "$(DESTDIR)$(mandir)/man1"/,$(notdir $(pages)))
	rm -f $(addprefix "$(DESTDIR)$(mandir)/man7"/,$(notdir $(overviews)))
	rm -f "$(DESTDIR)$(bashdir)/git-wt" "$(DESTDIR)$(zshdir)/_git-wt" "$(DESTDIR)$(fishdir)/git-wt.fish"
	rm -f $(addprefix "$(DESTDIR)$(shelldir)"/git-wt.,bash zsh fish)
	-rmdir "$(DESTDIR)$(shelldir)"

# the picture of the README, from what a terminal shows
picture:
	SNAPSHOTS=overwrite $(CARGO) test --locked --test tests -- picture::

.PHONY: all install uninstall picture
