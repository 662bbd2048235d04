# For packages, and for all users of a machine. For yourself: cargo install --locked --path . && git wt shell-init --install
#
#   make && sudo make install
#   make install DESTDIR=/tmp/package prefix=/usr
#   make dist deb     an archive and a Debian package, in target/packages

prefix = /usr/local
bindir = $(prefix)/bin
datadir = $(prefix)/share
mandir = $(datadir)/man
bashdir = $(datadir)/bash-completion/completions
zshdir = $(datadir)/zsh/site-functions
fishdir = $(datadir)/fish/vendor_completions.d
shelldir = $(datadir)/git-wt
docdir = $(datadir)/doc/git-wt
# what the shells' files call
program = $(bindir)/git-wt

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
		$(binary) shell-init $$shell --program "$(program)" >"$(DESTDIR)$(shelldir)/git-wt.$$shell" || exit; \
	done

uninstall:
	rm -f "$(DESTDIR)$(bindir)/git-wt" $(addprefix "$(DESTDIR)$(mandir)/man1"/,$(notdir $(pages)))
	rm -f $(addprefix "$(DESTDIR)$(mandir)/man7"/,$(notdir $(overviews)))
	rm -f "$(DESTDIR)$(bashdir)/git-wt" "$(DESTDIR)$(zshdir)/_git-wt" "$(DESTDIR)$(fishdir)/git-wt.fish"
	rm -f $(addprefix "$(DESTDIR)$(shelldir)"/git-wt.,bash zsh fish)
	-rmdir "$(DESTDIR)$(shelldir)"

install-docs:
	$(INSTALL) -d "$(DESTDIR)$(docdir)/examples" "$(DESTDIR)$(docdir)/man"
	$(INSTALL) -m 644 README.md SECURITY.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$(DESTDIR)$(docdir)"
	$(INSTALL) -m 644 examples/wt.toml "$(DESTDIR)$(docdir)/examples"
	$(INSTALL) -m 644 man/terminal.svg "$(DESTDIR)$(docdir)/man"

version := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
packages = $(abspath $(or $(CARGO_TARGET_DIR),target))/packages
release = git-wt-$(version)-$(shell uname -m)-$(shell uname -s | tr A-Z a-z)
compression = xz
maintainer = git-wt maintainers <maintainers@git-wt.invalid>

# to be unpacked below any prefix: tar -xzf FILE --strip-components=1 -C ~/.local
dist: all
	rm -rf "$(packages)/$(release)"
	umask 022 && $(MAKE) --no-print-directory install install-docs DESTDIR="$(packages)/$(release)" prefix= program=git-wt
	tar --owner=0 --group=0 --numeric-owner -C "$(packages)" -czf "$(packages)/$(release).tar.gz" "$(release)"
	rm -r "$(packages)/$(release)"

deb: root = $(packages)/deb
deb: architecture = $(shell dpkg --print-architecture)
deb: all
	rm -rf "$(root)"
	umask 022 && $(MAKE) --no-print-directory install install-docs DESTDIR="$(root)" prefix=/usr \
		zshdir=/usr/share/zsh/vendor-completions && mkdir "$(root)/DEBIAN"
	gzip -9n "$(root)"/usr/share/man/man[17]/*
	mv "$(root)$(debdocs)/CHANGELOG.md" "$(root)$(debdocs)/changelog" && gzip -9n "$(root)$(debdocs)/changelog"
	cat LICENSE-MIT LICENSE-APACHE >"$(root)$(debdocs)/copyright" && rm "$(root)$(debdocs)"/LICENSE-*
	printf '%s\n' >"$(root)/DEBIAN/control" 'Package: git-wt' 'Version: $(version)' 'Architecture: $(architecture)' \
		'Section: vcs' 'Priority: optional' 'Maintainer: $(maintainer)' \
		"Installed-Size: $$(du -sk "$(root)/usr" | cut -f 1)" \
		"Depends: git (>= 1:2.39), libgcc-s1, libc6 (>= $$(objdump -T $(binary) | grep -o 'GLIBC_[0-9.]*' | sort -V | tail -n 1 | cut -d _ -f 2))" \
		'Recommends: man-db, python3-venv' 'Suggests: bash-completion, default-mysql-client, postgresql-client, tmux' \
		'Description: git worktree, with an environment of its own for each worktree' \
		' A second working tree has its own env file, ports, Python venv and database.' \
		' What was made is taken back with it, and what was removed can be brought back.'
	dpkg-deb -Z$(compression) --root-owner-group --build "$(root)" "$(packages)/git-wt_$(version)_$(architecture).deb"
	rm -r "$(root)"

debdocs = /usr/share/doc/git-wt

# the picture of the README, from what a terminal shows
picture:
	SNAPSHOTS=overwrite $(CARGO) test --locked --test tests -- picture::

.PHONY: all install install-docs uninstall dist deb picture
